"""The lock of a project: one engine at a time works in its folder, so that no training runs twice."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from pipeline.core.errors import SitterError

logger = logging.getLogger(__name__)
LOCK = Path(".snakemake/sitter.lock")


def acquire(wait: bool) -> FileLock:
    """Return the lock of this project, held until the process ends."""
    LOCK.parent.mkdir(exist_ok=True)
    held = FileLock(LOCK)
    try:
        held.acquire(timeout=0)
    except Timeout:
        holder = LOCK.with_suffix(".holder")
        who = holder.read_text() if holder.exists() else "another run"
        if not wait:
            raise SitterError(f"{who} is at work in this folder: wait for it to end, then run this again.") from None
        logger.warning(f"waiting for {who}, which is at work in this folder")
        held.acquire()
    command = " ".join(Path(word).name if i == 0 else word for i, word in enumerate(sys.argv))
    LOCK.with_suffix(".holder").write_text(f"«{command}» (process {os.getpid()})")
    _HELD.append(held)
    return held


_HELD: list[FileLock] = []  # a lock is released when its object is deleted, so it is kept here


@contextmanager
def lock() -> Iterator[None]:
    """Hold the lock of this project; refuse if another run holds it.

    Raises:
        SitterError: another run is at work in this folder.
    """
    held = acquire(wait=False)
    try:
        yield
    finally:
        held.release()
