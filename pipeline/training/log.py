"""The progress of a training: a bar on a terminal; in a job's log, a line each minute and one for each epoch.

The speed is shown here and written to no file, so that the files of a stage do not depend on it.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import TypeVar

import torch
from tqdm import tqdm

logger = logging.getLogger(__name__)

T = TypeVar("T")
FIRST, BETWEEN = 10.0, 60.0  # seconds to the first line, and from one to the next at most


class Log:
    """Counts faces and seconds; it does not use a GPU's clock, since reading it means waiting for the GPU."""

    def __init__(
        self,
        faces: int,
        done: int,
        device: torch.device,
        *,
        first: bool = True,
        world: int = 1,
        flops: float = 0.0,
        peak: float | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Begin to measure.

        Args:
            faces: the number of faces in the whole training, in all epochs and on all processes.
            done: the number of faces that were done before a resume.
            device: the device of the training.
            first: whether this process writes the lines for all processes.
            world: the number of processes.
            flops: the number of floating-point operations for one face.
            peak: the number that one device can do in a second; None if it is not known.
            clock: returns the time in seconds.
        """
        self.faces, self.done, self.device, self.first = faces, done, device, first
        self.world, self.flops, self.peak, self.clock = world, flops, peak, clock
        self.live = sys.stderr.isatty()
        self.bar = tqdm(total=faces, initial=done, desc="training", unit=" face", disable=not (first and self.live))
        self.due = FIRST
        self.speed: dict[str, str] = {}
        self.rate = 0.0
        self._begin()

    def _begin(self) -> None:
        """Begin a new measurement."""
        self.since, self.met, self.waiting = self.clock(), 0, 0.0

    def __enter__(self) -> Log:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.bar.close()

    def waited(self, batches: Iterable[T]) -> Iterator[T]:
        """Yield the batches, and count the time of waiting for each."""
        made = iter(batches)
        while True:
            start = self.clock()
            try:
                batch = next(made)
            except StopIteration:
                return
            self.waiting += self.clock() - start
            yield batch

    def batch(self, faces: int, figures: Callable[[], dict[str, str]]) -> None:
        """Count a finished batch, and write a line if it is time for one.

        Args:
            faces: the number of faces in the batch, on all processes.
            figures: returns the figures for the line.
        """
        self.done, self.met = self.done + faces, self.met + faces
        if self.clock() - self.since >= self.due:
            self.measure()
            self.say(figures())
        elif self.live and self.first:
            self.bar.set_postfix(figures() | self.speed, refresh=False)
        self.bar.update(faces)

    def measure(self) -> None:
        """Compute the speed since the last measurement, and begin the next; called before a validation, for example."""
        seconds = self.clock() - self.since
        if not self.met or seconds <= 0:
            return
        self.due = BETWEEN
        self.rate = self.met / seconds
        self.speed = {"images/s": f"{self.rate:,.0f}" if self.rate >= 100 else f"{self.rate:.3g}"}
        if self.peak and self.flops:
            self.speed["MFU"] = f"{100 * self.flops * self.rate / self.world / self.peak:.1f} %"
        self.speed["waiting for data"] = f"{100 * self.waiting / seconds:.1f} %"
        if self.device.type == "cuda":
            highest, whole = torch.cuda.max_memory_allocated(self.device), torch.cuda.mem_get_info(self.device)[1]
            self.speed["GPU memory"] = f"{highest / 1e9:.1f} of {whole / 1e9:.1f} GB"
        self._begin()

    def say(self, figures: dict[str, str]) -> None:
        """Write a line with the last measured speed, on the first process; the next measurement begins after it."""
        if self.first and not self.live:
            left = tqdm.format_interval((self.faces - self.done) / self.rate) if self.rate else "?"
            where = f"{self.done:,} of {self.faces:,} faces, {left} left"
            parts = ", ".join(f"{name} {value}" for name, value in (figures | self.speed).items())
            logger.info(f"training: {where}; {parts}")
        self._begin()
