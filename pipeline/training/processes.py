"""The processes that train one model together: their start, and their agreement on errors, stops and values.

Every process makes the same exchanges in the same order. Whatever could make processes differ (a file that one cannot
read, a signal to one, a clock, a figure's last digit) is agreed on here. A single process exchanges nothing.
"""

from __future__ import annotations

import atexit
import logging
import os
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist
from accelerate import PartialState
from torch import Tensor

from pipeline.core.errors import SitterError
from pipeline.core.log_format import configure_logging
from pipeline.models.device import repeatable
from pipeline.training.stop import StopRequest

T = TypeVar("T")
CPU = torch.device("cpu")
FAILED = 255  # above every signal's number
LAUNCH = ("RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")


@dataclass
class Told:
    """The wish of a process, as a number; after the block of `together`, the largest wish of all processes."""

    wish: int = 0


@dataclass(frozen=True)
class Processes:
    """This process and the number of processes that train together."""

    rank: int = 0
    world: int = 1
    device: torch.device = CPU
    """The device of this process: the GPU that the launcher gave it, else the CPU."""

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes files and log lines."""
        return self.rank == 0

    @contextmanager
    def together(self, of: type[Exception] = Exception) -> Iterator[Told]:
        """Run a block, then wait for all processes; an error in the block of one process ends all of them.

        No exchange may come before an error of the kind `of` within the block, since the other processes would wait
        for it. Errors of other kinds end this process, and the others then end because they lose the connection.

        Raises:
            SitterError: another process had an error; the message names that process and its error.
        """
        here, found = Told(), None
        if self.world == 1:
            yield here
            return
        try:
            yield here
        except of as error:
            found = error
        largest = torch.tensor(FAILED if found else here.wish, device=self.device)
        dist.all_reduce(largest, dist.ReduceOp.MAX)
        here.wish = int(largest)
        if here.wish < FAILED:
            return
        words: list[str | None] = [None] * self.world
        kind = "" if found is None or isinstance(found, SitterError) else f"{type(found).__name__}: "
        dist.all_gather_object(words, None if found is None else f"{kind}{found}")
        if found:
            raise found
        raise SitterError(next(f"process {i} of {self.world} found: {w}" for i, w in enumerate(words) if w is not None))

    def each(self, items: Iterable[T]) -> Iterator[T]:
        """Yield the items of this process; every process has the same number, and an error in one ends all."""
        if self.world == 1:
            yield from items
            return
        made, end = iter(items), cast(T, object())
        while True:
            with self.together():
                item = next(made, end)
            if item is end:
                return
            yield item

    def from_first(self, compute: Callable[[], T]) -> T:
        """Return the first process's result of `compute` on all processes, exactly the same."""
        if self.world == 1:
            return compute()
        box: list[Any] = [None]
        with self.together():
            if self.first:
                box[0] = compute()
        dist.broadcast_object_list(box, src=0)
        return cast(T, box[0])

    def from_rank(self, rank: int, own: Tensor | None, shape: Sequence[int]) -> Tensor:
        """Return one process's tensor `own` on all processes, float32 of the given shape."""
        if self.world > 1:
            own = own.contiguous() if self.rank == rank and own is not None else torch.empty(*shape, device=self.device)
            dist.broadcast(own, src=rank)
        assert own is not None
        return own

    def leave(self, stop: StopRequest, what_remains: str) -> None:
        """End all processes if one of them was asked to stop."""
        with self.together() as told:
            told.wish = stop.by or 0
        if told.wish:
            stop.by = signal.Signals(told.wish)
            stop.leave(what_remains, self.rank, self.world)


@contextmanager
def connected() -> Iterator[Processes]:
    """Run a block in which the processes of a launch are connected; the loss of one gets a clear message.

    Raises:
        SitterError: the launcher's variables or the GPUs are incomplete, the processes do not find each other, or
            another process has ended or did not answer within the connection's time limit.
    """
    processes = connect()
    try:
        yield processes
    except RuntimeError as error:  # gloo raises no more specific kind
        if processes.world == 1 or not (isinstance(error, dist.DistError) or "/gloo/" in str(error)):
            raise
        raise SitterError(
            f"process {processes.rank} of {processes.world} lost the other processes: one was killed or failed, see "
            f"its last message. Run all again to resume from the last checkpoint. ({str(error).partition('. This')[0]})"
        ) from error


def connect() -> Processes:
    """Connect the processes of a launch, by the launcher's variables; without them, there is this process alone."""
    check_launch(torch.cuda.device_count())
    if torch.cuda.is_available():
        repeatable("warn")
    with meeting():
        # Without `cpu`, Accelerate would run each of several processes alone on a machine without a GPU.
        state = PartialState(cpu=several() and not torch.cuda.is_available())
    if state.process_index:  # all processes would say the same
        configure_logging(logging.WARNING)
    return Processes(state.process_index, state.num_processes, state.device)


def several() -> bool:
    """Whether a launcher says that this is one of several processes."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


@contextmanager
def meeting() -> Iterator[None]:
    """Run a block in which the processes connect; they disconnect when this process ends, however it ends.

    Raises:
        SitterError: they did not connect within torch's time limit; the message names the address.
    """
    if several():
        atexit.register(part)
    try:
        yield
    except dist.DistError as error:
        where = f"{os.environ.get('MASTER_ADDR')}:{os.environ.get('MASTER_PORT')}"
        raise SitterError(
            f"process {os.environ.get('RANK')} of {os.environ.get('WORLD_SIZE')} did not meet the others at {where} "
            f"({error}). Start them all, with the same MASTER_ADDR and a MASTER_PORT that is free there."
        ) from error


def part() -> None:
    """End the connection to the other processes; otherwise gloo's threads may abort the interpreter at its end."""
    if dist.is_initialized():
        dist.destroy_process_group()


def check_launch(gpus: int) -> None:
    """Check that the processes of a launch can find each other and their GPUs.

    Args:
        gpus: the number of GPUs that this process sees.

    Raises:
        SitterError: a variable or a GPU is missing; the message names it.
    """
    if not several():
        return
    of, missing = os.environ["WORLD_SIZE"], [name for name in LAUNCH if name not in os.environ]
    if missing:
        raise SitterError(
            f"WORLD_SIZE is {of}, but {', '.join(missing)} is not set: without it the processes would not find each "
            "other. Start them with torchrun, or set all variables that torchrun sets."
        )
    if 0 < gpus <= int(os.environ["LOCAL_RANK"]):
        raise SitterError(
            f"process {os.environ['RANK']} of {of} is number {os.environ['LOCAL_RANK']} (LOCAL_RANK, from 0) on its "
            f"machine, where it sees {gpus} GPUs. Start no more processes on a machine than it has GPUs, and let each "
            "see all of them."
        )
