"""How close is training to the least possible time? Head-only training, and LoRA against a plain loop.

    python -m benchmarks.train head     a linear head: cached features, against the network run at every step
    python -m benchmarks.train lora     LoRA on CLIP's ViT-B/16: the stage's own loop, against a loop in plain PyTorch
    python -m benchmarks.train profile  the parts of a step's time: head, LoRA, and a small network trained whole

Weights are random and faces are noise, stored as by `align`; they take the same time as real ones. Both sides of a pair
run in turns in one process, and the fastest turn of each counts. On a CPU, processor time is measured, because other
work on the machine disturbs it least. Both sides of `lora` get the same batches and must find the same losses. Its
plain loop has no accelerate, no checkpoints, no validation and no log: only decode, normalise, embed, loss, backward,
step. Peak memory is measured in a process of its own for each side (on a GPU: the memory that PyTorch held there).
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pipeline import params
from pipeline.core.alignment import ARCFACE, align
from pipeline.core.files import output_folder
from pipeline.core.layout import HERE
from pipeline.losses.samplers import SitterBatches
from pipeline.models.build import build
from pipeline.params import Study
from pipeline.params.recipe import recipe_of
from pipeline.store.faces import StoredFace, encode, write_faces
from pipeline.store.splits import Seated, Split, write_split
from pipeline.training.data import read_faces
from pipeline.training.loop import Run
from pipeline.training.prepare import prepare
from pipeline.training.processes import connect
from pipeline.training.stop import StopRequest

PROJECT = Path(__file__).parent.parent
CUDA = torch.cuda.is_available()
BACKBONES: dict[str, dict[str, Any]] = {
    "dlib": {"kind": "dlib-resnet29"},
    "clip": {"kind": "clip", "architecture": "ViT-B-16"},
    "small": {"kind": "iresnet", "depth": 18, "width": 0.25, "embedding": 128},
}

HEAD = {
    "kind": "head",
    "centre": False,
}  # a centre is computed from cached features, which the other side does not have


def main() -> None:
    """Print times, ratios and memory."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("what", choices=["head", "lora", "profile"])
    options.add_argument(
        "--sitters", type=int, default=16, help="sitters in the training set (default: 16, 8 images each)"
    )
    options.add_argument("--batch", type=int, default=8, help="images in a batch of LoRA (default: 8)")
    options.add_argument("--size", type=int, default=112, help="side of ViT-B/16's input (default: 112)")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument(
        "--side", choices=["ours", "plain"], help="run only this side of LoRA, and print its peak memory"
    )
    given = options.parse_args()
    torch.set_num_threads(torch.get_num_threads() if CUDA else 1)
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        make_faces(given.sitters, 8)
        if given.what == "head":
            head(given.rounds)
        elif given.side:
            seconds, _ = {"ours": ours, "plain": plain}[given.side](lora(given.batch, given.size))
            print(json.dumps({"seconds": seconds, "peak": peak_memory()}))
        elif given.what == "lora":
            against_plain(given)
        else:
            profile(given.batch, given.size)


def make_faces(sitters: int, images: int) -> None:
    """Write faces of noise, all of train sitters."""
    rng, seats, faces = np.random.default_rng(1), [], []
    for number in range(sitters * images):
        crop = np.kron(rng.integers(0, 256, (28, 28, 3), np.uint8), np.ones((4, 4, 1), np.uint8))
        name, sitter = f"i{number:06}", f"s{number // images:05}"
        faces.append(StoredFace(name, sitter, encode(crop), ARCFACE.points, "", 1.0))
        seats.append(Seated(name, sitter, "train", 0, "", ""))
    with output_folder(HERE.faces("noise")) as folder:
        write_faces(folder, faces)
    write_split(Split(HERE.split("noise"), seats, [], [], {}))


def study(backbone: dict[str, Any], adaptation: dict[str, Any], loss: dict[str, Any], **training: Any) -> Study:
    """Return a study with one model `m`."""
    return params.check(
        {
            "seed": 1,
            "download": {"noise": {"kind": "folder", "path": "noise"}},
            "align": {"noise": {"detectors": [{"kind": "aligned"}]}},
            "split": {"noise": {"kind": "sitters", "test": 0}},
            "train": {"train_on": ["noise"], "checkpoint_seconds": 1e6, **training},
            "models": {"m": {"backbone": backbone, "adaptation": adaptation, "loss": loss}},
            "embed": {"datasets": [], "batch": 1},
            "evaluate": {"benchmarks": {}},
        }
    )


def clock() -> float:
    """Return seconds: wall time if a GPU computes, else processor time of this process."""
    if CUDA:
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


def prepared(of: Study) -> Run:
    """Return a training that has not begun, without its first messages."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        recipe = recipe_of(of, "m")
        built = build(recipe.model.backbone, recipe.model.adaptation, recipe.seed, HERE)
        return prepare(recipe, built, read_faces(recipe, HERE), connect(), StopRequest(), HERE)


def ours(of: Study) -> tuple[list[float], list[float]]:
    """Return the seconds of each epoch, and its loss, in the stage's own complete loop."""
    run, stamps = prepared(of), []
    end_of_epoch = run.end_of_epoch

    def stamped() -> None:
        end_of_epoch()
        stamps.append(clock())

    run.end_of_epoch = stamped  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as checkpoints, contextlib.redirect_stderr(io.StringIO()):
        history = run.fit(Path(checkpoints), "key", StopRequest()).history
    return np.diff(stamps).tolist(), [float(epoch.loss or 0) for epoch in history[1:]]


def plain(of: Study) -> tuple[list[float], list[float]]:
    """Return the same for a plain loop with PyTorch and peft (which `build` calls)."""
    entry, settings, device = of.models["m"], of.train, torch.device("cuda" if CUDA else "cpu")
    faces = read_faces(recipe_of(of, "m"), HERE).train
    network, _ = build(entry.backbone, entry.adaptation, of.seed, HERE)
    network.to(device).train()
    loss = entry.loss.make(network.dim, faces.sitters)
    trained = [p for p in network.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=settings.lr, weight_decay=0.0)
    mean, scale = (torch.tensor(v)[:, None, None] for v in (network.mean, network.scale))
    sampler = SitterBatches(faces.labels, settings.sitters, settings.images, mirror=settings.mirror)
    seconds, losses = [], []
    for epoch in range(settings.epochs):
        start, total = clock(), 0.0
        for batch in sampler.batches(of.seed, epoch):
            images = []
            for i, mirrored in zip(batch.images, batch.mirrored, strict=True):
                x = torch.from_numpy(align(*faces.face(i), network.template)).permute(2, 0, 1)
                x = (x - mean) / scale
                images.append(x.flip(2) if mirrored else x)
            embeddings = network(torch.stack(images).to(device))
            value = loss(embeddings, torch.from_numpy(faces.labels[batch.images]).to(device))
            optimiser.zero_grad()
            value.backward()
            optimiser.step()
            total += value.item()
        losses.append(total / len(sampler))
        seconds.append(clock() - start)
    return seconds, losses


def head(rounds: int) -> None:
    """Compare head-only training with and without cached features."""
    both = {
        name: study(BACKBONES["dlib"], HEAD, {"kind": "triplet"}, epochs=epochs, cache_gb=cache)
        for name, cache, epochs in (("features kept", 4, 20), ("network at every step", 0, 1))
    }
    best = dict.fromkeys(both, float("inf"))
    for _ in range(rounds):
        for name, of in both.items():
            best[name] = min(best[name], *ours(of)[0])
    start = clock()
    prepared(both["features kept"])
    once = clock() - start
    for name, seconds in best.items():
        print(f"  {name:22} {1000 * seconds:9.1f} ms an epoch")
    kept, anew = best.values()
    print(f"  without kept features / with: {anew / kept:.0f} × an epoch; the features, once: {once:.2f} s")
    print(f"  over 20 epochs, features included: {20 * anew / (20 * kept + once):.1f} ×")


def lora(batch: int, size: int) -> Study:
    """Return a study of LoRA on query and value: InfoNCE, two images per sitter, three epochs, constant rate."""
    adaptation = {"kind": "lora", "rank": 16, "roles": ["q", "v"]}
    training = {"sitters": batch // 2, "images": 2, "epochs": 3, "cache_gb": 0, "schedule": "constant", "lr": 1e-4}
    return study(BACKBONES["clip"] | {"size": size}, adaptation, {"kind": "infonce"}, **training)


def against_plain(given: argparse.Namespace) -> None:
    """Run LoRA of both sides in turns; compare their losses; measure the memory of each alone."""
    of = lora(given.batch, given.size)
    ways = {"ours": ours, "plain": plain}
    best = dict.fromkeys(ways, float("inf"))
    ratios, losses = [], {}
    for _ in range(given.rounds):
        turn = {}
        for name, way in ways.items():
            seconds, losses[name] = way(of)
            turn[name] = min(seconds)
            best[name] = min(best[name], turn[name])
        ratios.append(turn["ours"] / turn["plain"])
    np.testing.assert_allclose(losses["ours"], losses["plain"], rtol=1e-3, err_msg="the two did not do the same work")
    faces = 8 * given.sitters
    print(f"ViT-B/16 at {given.size}, LoRA 16 on q and v, batch {given.batch}: {faces} faces an epoch")
    for name, least in best.items():
        command = [sys.executable, "-m", "benchmarks.train", "lora", "--side", name]
        command += [f"--{k}={getattr(given, k)}" for k in ("sitters", "batch", "size")]
        alone = json.loads(subprocess.run(command, cwd=PROJECT, capture_output=True, check=True, text=True).stdout)
        print(f"  {name:6} {faces / least:7.2f} images/s, {alone['peak'] / 1e6:,.0f} MB at most")
    print(f"  ours / plain: {best['ours'] / best['plain']:.3f} × (in each round: {[round(r, 3) for r in ratios]})")
    print(f"  losses of the epochs: {losses['ours']} and {losses['plain']}")


def peak_memory() -> int:
    """Return peak memory in bytes, on the GPU or of this process (ru_maxrss may be its parent's, if that is larger)."""
    if CUDA:
        return torch.cuda.max_memory_allocated()
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return 1024 * int(line.split()[1])


def profile(batch: int, size: int) -> None:
    """Print the functions in which an epoch spends most time, for three sorts of training."""
    import cProfile
    import pstats

    cases = {
        "head, features kept": study(BACKBONES["dlib"], HEAD, {"kind": "triplet"}, epochs=50),
        "LoRA of ViT-B/16": lora(batch, size),
        "small IResNet, whole": study(BACKBONES["small"], {"kind": "full"}, {"kind": "arcface"}, epochs=1, cache_gb=0),
    }
    for name, of in cases.items():
        run, seen = prepared(of), cProfile.Profile()
        with tempfile.TemporaryDirectory() as checkpoints, contextlib.redirect_stderr(io.StringIO()), seen:
            run.fit(Path(checkpoints), "key", StopRequest())
        print(f"{name}: {run.state.step} steps")
        pstats.Stats(seen).sort_stats("tottime").print_stats(15)


if __name__ == "__main__":
    main()
