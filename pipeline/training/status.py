"""The progress of a training, for the program that started it: small files that can be read without torch."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline.core.files import atomic_file

FILE = "progress.json"
STOPPED = "stopped.json"
"""The file that a training writes when a signal has stopped it; it holds the signal's name."""


@dataclass(frozen=True)
class Progress:
    """The progress that the last checkpoint holds."""

    key: str
    """The key of its training: `pipeline.training.checkpoint.key`."""
    step: int
    """The number of finished steps of the optimiser."""
    place: str
    """The place in words: epoch and batch."""
    seconds: float
    """The time that it took to write the checkpoint."""


def write(folder: Path, progress: Progress) -> None:
    """Replace the file; called after the checkpoint that it describes was written."""
    with atomic_file(folder / FILE) as part:
        part.write_text(json.dumps(asdict(progress)))


def read(folder: Path) -> Progress | None:
    """Read the progress of a training; None if it has written no checkpoint yet."""
    try:
        return Progress(**json.loads((folder / FILE).read_text()))
    except (OSError, ValueError, TypeError):  # absent, or written by another version of Sitter
        return None


def remove(folder: Path) -> None:
    """Remove the files of a training that has finished."""
    for name in (FILE, STOPPED):
        (folder / name).unlink(missing_ok=True)


def note_stop(folder: Path, signal: str) -> None:
    """Record that a signal stopped a training, and not an error."""
    with atomic_file(folder / STOPPED) as part:
        part.write_text(json.dumps({"signal": signal}))


def read_stop(folder: Path) -> str | None:
    """Read the name of the signal that stopped the last attempt; None if no signal did."""
    try:
        return str(json.loads((folder / STOPPED).read_text())["signal"])
    except (OSError, ValueError, TypeError, KeyError):
        return None
