"""A row of a user's list of portraits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ListedPortrait:
    """One row: where an image comes from and what is known of it."""

    line: int
    """Line of the file in which the row begins, counted from 1."""
    image_id: str
    sitter: str
    path: Path | None
    written: str
    """The path as the list has it."""
    url: str
    sha256: str
    known: Mapping[str, str]

    @property
    def source(self) -> str:
        """Where the image comes from, in words."""
        return self.url or str(self.path)
