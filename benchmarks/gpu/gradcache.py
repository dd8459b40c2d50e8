"""InfoNCE with a batch larger than memory (GradCache): the parts of the time of a step."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch
from torch import nn

from benchmarks.gpu.recogniser import silence
from benchmarks.gpu.timing import CUDA, DEVICE, finish
from pipeline.losses.infonce import InfoNCE
from pipeline.models.backbones.iresnet import IResNet
from pipeline.models.preprocess import Normalise
from pipeline.params.backbones.iresnet import IResNetOptions
from pipeline.params.losses.infonce import InfoNCEOptions
from pipeline.training.gradients import FullPrecision, Gradients
from pipeline.training.prepare import accelerated
from pipeline.training.processes import connect


def measure(given: argparse.Namespace) -> None:
    """Print the seconds of a step, and of each of its parts alone."""
    with silence():
        connect()
        accelerator = accelerated(given.precision)
    backbone = IResNet(IResNetOptions(depth=given.depths[0], width=given.width, embedding=given.embedding))
    network = nn.Sequential(Normalise(backbone), *backbone.stages).to(DEVICE)
    if CUDA:
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    prepared = accelerator.prepare_model(network.train())
    loss = FullPrecision(InfoNCE(given.embedding, 1, InfoNCEOptions())).to(DEVICE)
    gradients = Gradients(accelerator, prepared, loss, lambda: torch.zeros(()), given.chunk)
    batch = given.large_batch
    pixels = torch.randint(256, (batch, 112, 112, 3), dtype=torch.uint8)
    pixels = pixels.pin_memory() if CUDA else pixels
    labels, owners = torch.arange(batch) // 2, torch.zeros(batch, dtype=torch.int64)
    chunks = pixels.split(given.chunk)  # type: ignore[no-untyped-call]

    def first_pass() -> None:
        with torch.no_grad():
            for chunk in chunks:
                prepared(chunk.to(DEVICE, non_blocking=True))

    def second_pass() -> None:
        for chunk in chunks:
            embeddings = prepared(chunk.to(DEVICE, non_blocking=True))
            torch.autograd.backward([embeddings], [torch.ones_like(embeddings)])
        network.zero_grad()

    def loss_alone() -> None:
        embeddings = torch.randn(batch, given.embedding, device=DEVICE, requires_grad=True)
        loss(embeddings, labels.to(DEVICE)).backward()

    def step() -> None:
        gradients.add(pixels, labels, owners, (0, 0, 0), 1, True)
        network.zero_grad()

    parts: dict[str, Callable[[], None]] = {
        "step": step, "first pass": first_pass, "loss": loss_alone, "second pass": second_pass,
    }  # fmt: skip
    seconds = {name: fastest(part, given.rounds) for name, part in parts.items()}
    print(f"InfoNCE, IResNet-{given.depths[0]}, batch {batch:,} in chunks of {given.chunk}, {given.precision}")
    for name, took in seconds.items():
        print(f"  {name:12} {took:7.2f} s   {batch / took:9,.1f} images/s", flush=True)
    unavoidable = sum(took for name, took in seconds.items() if name != "step")
    print(f"  the parts are {100 * unavoidable / seconds['step']:.0f} % of the step")


def fastest(part: Callable[[], None], rounds: int) -> float:
    """Return the seconds of the fastest call, after one call to warm up."""
    best = float("inf")
    for turn in range(rounds + 1):
        finish()
        start = time.perf_counter()
        part()
        finish()
        best = min(best, time.perf_counter() - start) if turn else best
    return best
