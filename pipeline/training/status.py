"""How far a training is, told to whoever started it: small files beside the checkpoint, readable without torch."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline.core.files import atomic_file

FILE = "progress.json"
STOPPED = "stopped.json"
"""Written when a training has stopped because a signal asked it to; it holds the signal's name."""


@dataclass(frozen=True)
class Progress:
    """What the last checkpoint holds."""

    key: str
    """Of the training that it belongs to: `pipeline.training.checkpoint.key`."""
    step: int
    """Steps of the optimiser."""
    place: str
    """The same in words: epoch and batch."""
    seconds: float
    """How long it took to write the checkpoint."""


def write(folder: Path, progress: Progress) -> None:
    """Write the file over the last one, after the checkpoint that it describes."""
    with atomic_file(folder / FILE) as part:
        part.write_text(json.dumps(asdict(progress)))


def read(folder: Path) -> Progress | None:
    """Read how far a training is; None where it has written no checkpoint yet."""
    try:
        return Progress(**json.loads((folder / FILE).read_text()))
    except (OSError, ValueError, TypeError):  # absent, or written by another version of Sitter
        return None


def remove(folder: Path) -> None:
    """Forget a training that has come to its end."""
    for name in (FILE, STOPPED):
        (folder / name).unlink(missing_ok=True)


def note_stop(folder: Path, signal: str) -> None:
    """Record that a training has stopped because of a signal, and not because something was wrong."""
    with atomic_file(folder / STOPPED) as part:
        part.write_text(json.dumps({"signal": signal}))


def read_stop(folder: Path) -> str | None:
    """Read the name of the signal that stopped the last attempt; None where none did."""
    try:
        return str(json.loads((folder / STOPPED).read_text())["signal"])
    except (OSError, ValueError, TypeError, KeyError):
        return None
