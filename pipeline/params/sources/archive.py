"""Options of the source `archive`."""

from __future__ import annotations

from typing import ClassVar, Literal

from pipeline.params.sources.base import OwnFile, Unpacked


class ArchiveOptions(OwnFile, Unpacked):
    """A zip or tar archive of your own, or behind a URL: images in a folder per sitter, or one file of it."""

    implementation: ClassVar[str] = "pipeline.sources.archive:fetch"
    kind: Literal["archive"] = "archive"
    member: str = ""
    """The folder in the archive with a folder per sitter, or the file to take."""
