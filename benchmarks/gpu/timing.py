"""Rates of several ways to do the same steps, measured in turns on one device."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

CUDA = torch.cuda.is_available()
DEVICE = torch.device("cuda" if CUDA else "cpu")
Steps = Callable[[int], None]
WARM_UP = 5
"""Number of steps of each way before the first is timed, at most as many as in a turn; compilation happens in them."""


@dataclass(frozen=True)
class Rate:
    """The measurements of one way."""

    images: float
    """Images per second, in its fastest turn."""
    memory: int
    """Peak number of bytes that PyTorch held on the device, including the weights of the other ways."""
    warm_up: float
    """Seconds of the steps before the measurement, including compilation."""


def rates(ways: Mapping[str, Steps], batch: int, steps: int, rounds: int) -> dict[str, Rate]:
    """Time `rounds` turns of `steps` steps of each way, after a few steps of each to warm up.

    Args:
        ways: for each way a function that makes a given number of steps.
        batch: number of images in a step.
        steps: number of steps in a turn.
        rounds: number of turns of each way.
    """
    found: dict[str, Rate] = {}
    for name, way in ways.items():
        start = time.perf_counter()
        way(min(WARM_UP, steps))
        finish()
        found[name] = Rate(0, 0, time.perf_counter() - start)
    for _ in range(rounds):
        for name, way in ways.items():
            finish()
            if CUDA:
                torch.cuda.reset_peak_memory_stats()
            start = time.perf_counter()
            way(steps)
            finish()
            seconds = time.perf_counter() - start
            memory = torch.cuda.max_memory_allocated() if CUDA else 0
            turn = Rate(steps * batch / seconds, memory, found[name].warm_up)
            found[name] = max(found[name], turn, key=lambda rate: rate.images)
    return found


def finish() -> None:
    """Wait until the device has finished its work."""
    if CUDA:
        torch.cuda.synchronize()


def row(what: str, name: str, rate: Rate, flops: float, peak: float | None) -> str:
    """Return a line of a table: images per second, share of the device's peak if it is known, memory on a GPU.

    Args:
        what, name: the work, and the way in which it was done.
        rate: the measurements.
        flops: floating-point operations for an image.
        peak: floating-point operations per second that the device can do.
    """
    share = f"   MFU {100 * rate.images * flops / peak:5.1f} %" if peak and flops else ""
    held = f"   {rate.memory / 1e9:5.1f} GB   first steps {rate.warm_up:5.1f} s" if CUDA else ""
    return f"  {what:10} {name:24} {rate.images:9,.1f} images/s{share}{held}"
