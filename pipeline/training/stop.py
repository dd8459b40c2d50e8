"""Requests to stop a training: SIGTERM and SIGUSR1 from a cluster, Ctrl-C from a person."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from pipeline.training import status

logger = logging.getLogger(__name__)

TEMPORARY_FAILURE = 75
"""Exit status after a signal (EX_TEMPFAIL of sysexits.h): nothing is wrong, start again."""


class StopRequest:
    """Whether, and by which signal, the process was asked to stop."""

    def __init__(self) -> None:
        self.by: signal.Signals | None = None
        self.folder: Path | None = None
        """The folder that records a stop, for the program that started the training; None: it is not recorded."""

    def leave(self, what_remains: str, rank: int = 0, world: int = 1) -> None:
        """Exit with status 75 and a message if the process was asked to stop.

        A single process raises KeyboardInterrupt after Ctrl-C, as Python does.

        Args:
            what_remains: what is left of the work, for the message.
            rank, world: the number of this process, and of all; only the first writes the message.
        """
        if self.by is None:
            return
        if rank == 0:
            if self.folder is not None:
                status.note_stop(self.folder, self.by.name)
            logger.warning(f"training stopped by {self.by.name}; {what_remains}")
        raise KeyboardInterrupt if self.by == signal.SIGINT and world == 1 else SystemExit(TEMPORARY_FAILURE)


@contextmanager
def stop_request() -> Iterator[StopRequest]:
    """Record signals instead of ending at once, within the block; a second Ctrl-C interrupts at once."""
    request = StopRequest()

    def note(number: int, frame: FrameType | None) -> None:
        request.by = signal.Signals(number)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    if threading.current_thread() is not threading.main_thread():  # Python sets signal handlers in the main thread only
        yield request
        return
    before = {s: signal.signal(s, note) for s in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
