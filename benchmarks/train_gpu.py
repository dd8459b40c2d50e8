"""Images a second and MFU of training recognisers, against InsightFace's arcface_torch on the same device.

    python -m benchmarks.train_gpu                       IResNet-50 and -100, fp16, batches of 256 and 512, on a GPU
    python -m benchmarks.train_gpu --rec train.rec       the loader's part on a training set of your own
    python -m benchmarks.train_gpu --tiny                a few small steps, to see that all of it works without a GPU

ArcFace over as many sitters as the training set has, by SGD, on one device, both sides in turns; the fastest turn of
each counts. `benchmarks/arcface_torch.py` says what the other side does and where it is from.

    synthetic    the same images, already on the device, at each step: the step alone
    loader       images from a RecordIO file (ours: the face store that `align` makes of it), decoded by --workers
    MFU          model FLOPs (counted by PyTorch, forward and backward, loss left out) over the peak of the device

The set that is made up has JPEGs of noise, which are larger than photographs of faces.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice, repeat
from pathlib import Path

import cv2
import numpy as np
import torch

from benchmarks.arcface_torch import ArcFaceTorch, loaded
from pipeline import align, download, params, paths, split, train
from pipeline.faces.recordio import write_training_set
from pipeline.params import Study
from pipeline.training.loop import Run
from pipeline.training.stop import StopRequest
from pipeline.training.throughput import flops, peak

CUDA = torch.cuda.is_available()
DEVICE = torch.device("cuda" if CUDA else "cpu")
Steps = Callable[[int], None]


def main() -> None:
    """Print a table for each network and size of batch."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rec", type=Path, help="a training set with images of 112×112 (default: one is made up)")
    options.add_argument("--images", type=int, default=40_000, help="of the set that is made up, 8 a sitter")
    options.add_argument("--depths", type=int, nargs="+", default=[50, 100])
    options.add_argument("--batches", type=int, nargs="+", default=[256, 512])
    options.add_argument("--steps", type=int, default=30, help="in a turn (default: 30)")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    options.add_argument(
        "--precision", choices=["fp16", "bf16", "fp32"], default="fp16", help="ours; the peer has fp16"
    )
    options.add_argument("--compile", action="store_true", help="our stages by torch.compile")
    options.add_argument("--tiny", action="store_true", help="everything small, in fp32 where there is no GPU")
    given = options.parse_args()
    if given.tiny:
        given.images, given.depths, given.batches, given.steps, given.rounds = 64, [18], [16], 2, 1
        given.workers, given.width, given.embedding = min(given.workers, 2), 0.125, 32
        given.precision = given.precision if CUDA else "fp32"
    else:
        given.width, given.embedding = 1.0, 512
    if not CUDA and not given.tiny:
        raise SystemExit("there is no GPU here: --tiny shows whether it works; figures need one.")
    rec = given.rec and given.rec.resolve()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        if rec is None:
            rec = Path("own/train.rec").absolute()
            make(rec, given.images)
        for depth in given.depths:
            for batch in given.batches:
                measure(given, rec, depth, batch)


def make(rec: Path, images: int) -> None:
    """A training set of noise, eight images a sitter."""
    rng = np.random.default_rng(0)
    rec.parent.mkdir()

    def encoded() -> Iterable[tuple[int, bytes]]:
        for i in range(images):
            picture = cv2.resize(rng.integers(0, 256, (28, 28, 3), np.uint8), (112, 112))
            yield i // 8, cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()

    write_training_set(rec, encoded())


def measure(given: argparse.Namespace, rec: Path, depth: int, batch: int) -> None:
    """Both sides, with and without the loader."""
    of = study(given, rec, depth, batch)
    if not paths.split("set").exists():
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            for stage in (download, align, split):
                stage.run(of, "set")
    run = prepared(of)
    run.backbone.train()
    sitters = run.train.dataset.faces.sitters
    peer = ArcFaceTorch(depth, given.width, given.embedding, sitters, DEVICE, fp16=CUDA)
    pixels = next(run.train.batches([run.sampler.batch(0, 0)]))
    each, best = flops(run.embed, pixels[:2]), peak(DEVICE, given.precision)
    size = len(pixels)
    images = torch.randn(size, 3, 112, 112, device=DEVICE)
    labels = torch.randint(sitters, (size,), device=DEVICE)
    print(
        f"IResNet-{depth}, batch {size}, {sitters:,} sitters, {given.precision}, {given.workers} workers, "
        f"{torch.cuda.get_device_name() if CUDA else 'CPU'}; {each / 1e9:.2f} GFLOPs a face"
    )
    compare(
        "synthetic",
        given,
        size,
        each,
        best,
        {"sitter": ours(run, pixels), "arcface_torch": theirs(peer, images, labels)},
    )
    batches = chain.from_iterable(loaded(rec, batch, given.workers, DEVICE) for _ in repeat(None))
    compare(
        "loader", given, size, each, best, {"sitter": ours(run, None), "arcface_torch": theirs(peer, batches=batches)}
    )


def study(given: argparse.Namespace, rec: Path, depth: int, batch: int) -> Study:
    """A study of one recogniser, trained from scratch by ArcFace with the settings of `ms1mv3_r50.py`."""
    return params.check(
        {
            "seed": 0,
            "download": {"set": {"kind": "recordio", "path": str(rec)}},
            "align": {"set": {"detectors": [{"kind": "aligned"}]}},
            "split": {"set": {"kind": "sitters", "test": 0}},
            "train": {
                "train_on": ["set"], "epochs": 1000, "sitters": batch // 2, "images": 2, "optimiser": "sgd", "lr": 0.02,
                "weight_decay": 5e-4, "clip": 5.0, "precision": given.precision, "cache_gb": 0, "shard_centres": None,
                "workers": given.workers, "compile": given.compile,
            },
            "models": {
                "m": {
                    "backbone": {"kind": "iresnet", "depth": depth, "width": given.width, "embedding": given.embedding},
                    "adaptation": {"kind": "full"},
                    "loss": {"kind": "arcface", "scale": 64, "margin": 0.5},
                }
            },
            "embed": {"datasets": [], "batch": 1},
            "evaluate": {"benchmarks": {}},
        }
    )  # fmt: skip


def prepared(of: Study) -> Run:
    """A training that has not begun."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return train.prepare(of, "m", train.start(of.train.precision), StopRequest())


def ours(run: Run, pixels: torch.Tensor | None) -> Steps:
    """So many steps of the stage's loop, on the same pixels each time or, without any, on what its loader gives."""

    def endless() -> Iterator[torch.Tensor]:
        while True:
            run.state.position = 0
            yield from run.train.batches(run.sampler.batches(run.state.epoch))
            run.state.epoch += 1

    batches = endless()

    def steps(count: int) -> None:
        for _ in range(count):
            if pixels is not None:
                run.state.epoch = run.state.position = 0
            inputs = next(batches) if pixels is None else pixels
            images = run.sampler.whole(run.state.epoch, run.state.position).images
            run.batch(inputs, torch.from_numpy(run.sampler.labels[images]))
        run.settle()

    return steps


def theirs(
    peer: ArcFaceTorch,
    images: torch.Tensor | None = None,
    labels: torch.Tensor | None = None,
    batches: Iterable[tuple[torch.Tensor, torch.Tensor]] = (),
) -> Steps:
    """So many steps of the other side."""
    made = iter(batches)

    def steps(count: int) -> None:
        for some, whose in repeat((images, labels), count) if images is not None else islice(made, count):
            peer.step(some, whose)

    return steps


def compare(
    what: str, given: argparse.Namespace, batch: int, each: float, best: float | None, ways: dict[str, Steps]
) -> None:
    """Images a second of each, in turns; the first turn warms up."""
    least, memory = dict.fromkeys(ways, float("inf")), dict.fromkeys(ways, 0)
    for turn in range(given.rounds + 1):
        for name, way in ways.items():
            if CUDA:
                torch.cuda.synchronize()
                torch.cuda.reset_peak_memory_stats()
            start = time.perf_counter()
            way(given.steps)
            if CUDA:
                torch.cuda.synchronize()
                memory[name] = torch.cuda.max_memory_allocated()
            if turn:
                least[name] = min(least[name], time.perf_counter() - start)
    for name, seconds in least.items():
        rate = given.steps * batch / seconds
        share = f"   MFU {100 * rate * each / best:5.1f} %" if best else ""
        held = f"   {memory[name] / 1e9:.1f} GB, both sides' weights included" if CUDA else ""
        print(f"  {what:10} {name:14} {rate:9,.1f} images/s{share}{held}")
    one, other = least.values()
    print(f"  {what:10} sitter / arcface_torch: {other / one:.2f} × its images a second")


if __name__ == "__main__":
    main()
