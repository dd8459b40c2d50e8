"""The processes that train one model together, and what they must agree on: errors, stops, what the first one knows.

Every process takes the same way through the training, so that each exchange meets its counterparts; what could make
their ways differ (a file that one cannot read, a signal to one, a clock, a figure's last digit) is agreed on here.
Alone, a process exchanges nothing.
"""

from __future__ import annotations

import atexit
import os
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor

from pipeline.core.errors import SitterError
from pipeline.training.stop import StopRequest

if TYPE_CHECKING:
    from accelerate import Accelerator

T = TypeVar("T")
FAILED = 255  # above every signal's number
LAUNCH = ("RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")


@dataclass
class Told:
    """What a process wishes; after the block of `together`, the largest wish of all."""

    wish: int = 0


@dataclass(frozen=True)
class Processes:
    """This process among those that train together."""

    rank: int = 0
    world: int = 1
    device: torch.device | str = "cpu"
    """Of what is exchanged: NCCL takes tensors on the GPU only."""

    @classmethod
    def of(cls, accelerator: Accelerator) -> Processes:
        """Those that the launcher started."""
        return cls(accelerator.process_index, accelerator.num_processes, accelerator.device)

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes and speaks."""
        return self.rank == 0

    @contextmanager
    def together(self, of: type[Exception] = Exception) -> Iterator[Told]:
        """A block at whose end all processes wait for each other; an error in it on one of them ends all.

        Nothing may be exchanged within the block before an error of the kind `of` is raised, since the others would
        wait for it. Other errors end this process, and the lost connection the others.

        Raises:
            SitterError: on the processes that found nothing wrong: who found what.
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

    @contextmanager
    def connected(self) -> Iterator[None]:
        """A block in which the loss of another process (killed, out of memory) is told as what it is.

        Raises:
            SitterError: another process is gone, or did not answer in the time that its kind of connection allows.
        """
        try:
            yield
        except RuntimeError as error:  # gloo's own are of no other kind
            if self.world == 1 or not (isinstance(error, dist.DistError) or "/gloo/" in str(error)):
                raise
            raise SitterError(
                f"process {self.rank} of {self.world} lost the other processes: one was killed or failed, see what it "
                f"said last. Run all again to go on from the last checkpoint. ({str(error).partition('. This')[0]})"
            ) from error

    def each(self, items: Iterable[T]) -> Iterator[T]:
        """The items of this process, of which every process has as many; one that cannot be made ends all."""
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
        """What the first process computes or reads, the same on all to the bit."""
        if self.world == 1:
            return compute()
        box: list[Any] = [None]
        with self.together():
            if self.first:
                box[0] = compute()
        dist.broadcast_object_list(box, src=0)
        return cast(T, box[0])

    def from_rank(self, rank: int, own: Tensor | None, shape: Sequence[int]) -> Tensor:
        """The tensor `own` of one process, float32 of a shape that all know, on all of them."""
        if self.world > 1:
            own = own.contiguous() if self.rank == rank and own is not None else torch.empty(*shape, device=self.device)
            dist.broadcast(own, src=rank)
        assert own is not None
        return own

    def leave(self, stop: StopRequest, what_remains: str) -> None:
        """If one process was asked to stop, all leave."""
        with self.together() as told:
            told.wish = stop.by or 0
        if told.wish:
            stop.by = signal.Signals(told.wish)
            stop.leave(what_remains, self.rank, self.world)


def several() -> bool:
    """Whether a launcher says that this is one of several processes."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


@contextmanager
def meeting() -> Iterator[None]:
    """A block in which the processes find each other; they part as this one ends, whichever way that is.

    Raises:
        SitterError: they do not, in the time that torch allows; names where they were to meet.
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
    """End the connection to the other processes: left to the interpreter's end, gloo's threads may abort it there."""
    if dist.is_initialized():
        dist.destroy_process_group()


def check_launch(gpus: int) -> None:
    """Refuse a launch in which processes would not find each other, or their GPU.

    Args:
        gpus: that this process sees.

    Raises:
        SitterError: names what is missing.
    """
    if not several():
        return
    of, missing = os.environ["WORLD_SIZE"], [name for name in LAUNCH if name not in os.environ]
    if missing:
        raise SitterError(
            f"WORLD_SIZE is {of}, but {', '.join(missing)} is not set: without it the processes would not find each "
            "other. Start them with torchrun, or set what it sets."
        )
    if 0 < gpus <= int(os.environ["LOCAL_RANK"]):
        raise SitterError(
            f"process {os.environ['RANK']} of {of} is number {os.environ['LOCAL_RANK']} (LOCAL_RANK, from 0) on its "
            f"machine, where it sees {gpus} GPUs. Start no more processes on a machine than it has GPUs, and let each "
            "see all of them."
        )
