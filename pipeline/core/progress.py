"""Progress with a rate and an estimate: a live bar on a terminal, a line now and then in a job's log."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable
from typing import Any, TypeVar

from tqdm import tqdm

T = TypeVar("T")
SECONDS_BETWEEN_LOG_LINES = 5.0


class _Lines:
    """A stream for tqdm on which each update is a line of its own."""

    def write(self, text: str) -> None:
        text = text.strip("\r\n ")
        if text:
            sys.stderr.write(text + "\n")

    def flush(self) -> None:
        sys.stderr.flush()


def progress(
    items: Iterable[T], what: str, total: int | None = None, unit: str = "image", shown: bool = True
) -> tqdm[T]:
    """Wrap an iterable in a progress bar (with an empty iterable, count by hand with `.update`).

    Nothing is shown where the package's messages are not shown either (`--quiet`), nor if not `shown`: of several
    processes, one shows how far all of them are.
    """
    live: dict[str, Any] = {}
    if not sys.stderr.isatty():
        live = {"file": _Lines(), "mininterval": SECONDS_BETWEEN_LOG_LINES, "maxinterval": 60, "ncols": 90}
    silent = not shown or logging.getLogger("pipeline").level > logging.INFO
    return tqdm(items, desc=what, total=total, unit=f" {unit}", smoothing=0.1, leave=True, disable=silent, **live)
