"""Options of the source `folder`."""

from __future__ import annotations

from typing import ClassVar, Literal

from pipeline.core.own_files import OwnPath
from pipeline.params.sources.base import SourceOptions


class FolderOptions(SourceOptions):
    """Images of your own in a folder per sitter (`path/SITTER/…/image.jpg`), copied."""

    implementation: ClassVar[str] = "pipeline.sources.folder:fetch"
    kind: Literal["folder"] = "folder"
    path: OwnPath
    """The folder that holds the sitters' folders, relative to the project's root or absolute."""
    pattern: str = "*"
    """Pattern for the file names of the images to take, such as `*.jpg`."""
