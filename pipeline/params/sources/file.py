"""Options of the source `file`."""

from __future__ import annotations

from typing import ClassVar, Literal

from pipeline.params.sources.base import OwnFile


class FileOptions(OwnFile):
    """One file, such as weights, of your own or behind a URL, copied under its name or `save_as`."""

    implementation: ClassVar[str] = "pipeline.sources.file:fetch"
    kind: Literal["file"] = "file"
    save_as: str | None = None
    """Name of the copy (default: the file's own name)."""
