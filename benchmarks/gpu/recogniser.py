"""A recogniser trained from scratch by ArcFace: our loop, plain and compiled, against InsightFace's arcface_torch."""

from __future__ import annotations

import argparse
import contextlib
import io
from collections.abc import Iterable, Iterator
from itertools import chain, islice, repeat
from pathlib import Path

import cv2
import numpy as np
import torch

from benchmarks.arcface_torch import ArcFaceTorch, loaded
from benchmarks.gpu.timing import CUDA, DEVICE, Steps, rates, row
from pipeline import params
from pipeline.core.layout import HERE
from pipeline.formats.recordio import write_training_set
from pipeline.models.build import build
from pipeline.params import Study
from pipeline.params.recipe import recipe_of
from pipeline.stages import align, download, split
from pipeline.training.data import read_faces
from pipeline.training.loop import Run
from pipeline.training.prepare import prepare
from pipeline.training.processes import connect
from pipeline.training.stop import StopRequest
from pipeline.training.throughput import flops, peak


def make_training_set(rec: Path, images: int) -> None:
    """Write a RecordIO file of noise, eight images per sitter."""
    rng = np.random.default_rng(0)
    rec.parent.mkdir()

    def encoded() -> Iterable[tuple[int, bytes]]:
        for i in range(images):
            picture = cv2.resize(rng.integers(0, 256, (28, 28, 3), np.uint8), (112, 112))
            yield i // 8, cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()

    write_training_set(rec, encoded())


def measure(given: argparse.Namespace, rec: Path, depth: int) -> None:
    """Print the rates of both sides, with and without the loader."""
    plain = study(given, rec, depth, given.precision, compile=False)
    if not HERE.split("set").exists():
        with silence():
            for stage in (download, align, split):
                stage.run(plain, "set")
    run = prepared(plain)
    sitters = run.train.dataset.faces.sitters
    pixels = next(run.train.batches([run.sampler.batch(run.seed, 0, 0)]))
    each = flops(run.embed, pixels[:2])
    peer = ArcFaceTorch(depth, given.width, given.embedding, sitters, DEVICE, fp16=CUDA)
    images, labels = torch.randn(len(pixels), 3, 112, 112, device=DEVICE), torch.randint(sitters, (len(pixels),))
    print(
        f"IResNet-{depth}, ArcFace, batch {len(pixels)}, {sitters:,} sitters, {given.workers} workers; "
        f"{each / 1e9:.2f} GFLOPs an image"
    )
    precisions = {f"sitter, {given.precision}": given.precision}
    ways = {f"sitter, {given.precision}": ours(run, pixels)}
    if given.compile:
        compiled = prepared(study(given, rec, depth, given.precision, compile=True))
        ways[f"sitter, {given.precision}, compiled"] = ours(compiled, pixels)
        precisions |= dict.fromkeys(ways, given.precision)
    if given.compile and given.bf16:
        half = prepared(study(given, rec, depth, "bf16", compile=True))
        ways["sitter, bf16, compiled"], precisions["sitter, bf16, compiled"] = ours(half, pixels), "bf16"
    ways["arcface_torch"], precisions["arcface_torch"] = theirs(peer, images, labels.to(DEVICE)), "fp16"
    show("step", given, len(pixels), each, ways, precisions)
    best = compiled if given.compile else run
    name = f"sitter, {given.precision}{', compiled' * bool(given.compile)}"
    batches = chain.from_iterable(loaded(rec, len(pixels), given.workers, DEVICE) for _ in repeat(None))
    loading = {name: ours(best, None), "arcface_torch": theirs(peer, batches=batches)}
    show("loader", given, len(pixels), each, loading, precisions)


def show(
    what: str, given: argparse.Namespace, batch: int, each: float, ways: dict[str, Steps], precisions: dict[str, str]
) -> None:
    """Print a line for each way, with the ratio of its rate to the peer's."""
    found = rates(ways, batch, given.steps, given.rounds)
    for name, rate in found.items():
        times = rate.images / found["arcface_torch"].images
        against = "" if name == "arcface_torch" else f"   {times:.2f} × arcface_torch"
        print(row(what, name, rate, each, peak(DEVICE, precisions[name])) + against, flush=True)


def study(given: argparse.Namespace, rec: Path, depth: int, precision: str, compile: bool) -> Study:
    """Return a study of one recogniser with the settings of `ms1mv3_r50.py`."""
    return params.check(
        {
            "seed": 0,
            "download": {"set": {"kind": "recordio", "path": str(rec)}},
            "align": {"set": {"detectors": [{"kind": "aligned"}]}},
            "split": {"set": {"kind": "sitters", "test": 0}},
            "train": {
                "train_on": ["set"], "epochs": 1000, "sitters": given.batch // 2, "images": 2, "optimiser": "sgd",
                "lr": 0.02, "weight_decay": 5e-4, "clip": 5.0, "precision": precision, "cache_gb": 0,
                "shard_centres": None, "workers": given.workers, "compile": compile,
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
    """Return a training that has not begun."""
    with silence():
        recipe = recipe_of(of, "m")
        built = build(recipe.model.backbone, recipe.model.adaptation, recipe.seed, HERE)
        run = prepare(recipe, built, read_faces(recipe, HERE), connect(), StopRequest(), HERE)
    run.backbone.train()
    return run


def silence() -> contextlib.ExitStack:
    """Return a context in which nothing is printed."""
    stack = contextlib.ExitStack()
    stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
    stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
    return stack


def ours(run: Run, pixels: torch.Tensor | None) -> Steps:
    """Return steps of the stage's loop, always on the same pixels or, without pixels, on the batches of its loader."""

    def endless() -> Iterator[torch.Tensor]:
        while True:
            run.state.position = 0
            yield from run.train.batches(run.sampler.batches(run.seed, run.state.epoch))
            run.state.epoch += 1

    batches = endless()

    def steps(count: int) -> None:
        for _ in range(count):
            if pixels is not None:
                run.state.epoch = run.state.position = 0
            inputs = next(batches) if pixels is None else pixels
            images = run.sampler.whole(run.seed, run.state.epoch, run.state.position).images
            run.batch(inputs, torch.from_numpy(run.sampler.labels[images]))
        run.settle()

    return steps


def theirs(
    peer: ArcFaceTorch,
    images: torch.Tensor | None = None,
    labels: torch.Tensor | None = None,
    batches: Iterable[tuple[torch.Tensor, torch.Tensor]] = (),
) -> Steps:
    """Return steps of the peer."""
    made = iter(batches)

    def steps(count: int) -> None:
        given = None if images is None or labels is None else (images, labels)
        for some, whose in islice(made, count) if given is None else repeat(given, count):
            peer.step(some, whose)

    return steps
