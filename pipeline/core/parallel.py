"""Work on many items by several processes, in order, with little in memory and nothing left behind."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import Any, TypeVar

from pipeline.core.errors import SitterError

T = TypeVar("T")
R = TypeVar("R")

# The function that a worker has made for itself, kept from one chunk to the next.
_work: Callable[[Any], Any] | None = None


def cores() -> int:
    """Return the number of cores for this process: its affinity (SLURM) or OMP_NUM_THREADS (a rule's `threads`)."""
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limit = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, min(here, int(limit))) if limit.isdecimal() else here


def rank_and_world() -> tuple[int, int]:
    """Return this process's rank among the processes that a launcher (srun, torchrun) started, and their number."""
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))


def share(items: Sequence[T], part: int, parts: int) -> Sequence[T]:
    """Return the items of one part (0 … parts − 1): consecutive, and equally many in each part, give or take one."""
    return items[len(items) * part // parts : len(items) * (part + 1) // parts]


def in_order(make: Callable[[], Callable[[T], R]], items: Iterable[T], workers: int, chunk: int = 16) -> Iterator[R]:
    """Yield `make()(item)` for each item, in order.

    With more than one worker, `make` is called once in each of as many fresh processes. So it must be picklable, like a
    function of a module or a `functools.partial` of one. Processes serve instead of threads, because decoding a
    network's output holds Python's lock. Workers end with their parent, however that ends.

    Raises:
        SitterError: a worker was killed.
    """
    if workers <= 1:
        yield from map(make(), items)
        return
    rest, pending = iter(items), deque[Future[list[R]]]()
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_start)
    try:
        while True:
            while len(pending) < 4 * workers and (some := list(islice(rest, chunk))):
                pending.append(pool.submit(_run, make, some))
            if not pending:
                return
            yield from pending.popleft().result()
    except BrokenProcessPool:
        raise SitterError(
            f"one of {workers} worker processes was killed, most likely for want of memory: give the job more, or let "
            f"it use fewer cores (OMP_NUM_THREADS={workers // 2})."
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _start() -> None:
    """In a worker, leave Ctrl-C to the parent, give OpenCV one thread, and end when the parent does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _run(make: Callable[[], Callable[[T], R]], items: list[T]) -> list[R]:
    global _work
    if _work is None:
        _work = make()
    return [_work(item) for item in items]
