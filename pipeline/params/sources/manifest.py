"""Options of the source `manifest`."""

from __future__ import annotations

from typing import ClassVar, Literal

from pipeline.core.own_files import OwnPath
from pipeline.params.sources.base import Fetched


class ManifestOptions(Fetched):
    """Images that a CSV lists by path or URL, each with its sitter; failures are listed in failed.csv."""

    implementation: ClassVar[str] = "pipeline.sources.manifest:fetch"
    kind: Literal["manifest"] = "manifest"
    path: OwnPath
    """The CSV, relative to the project's root or absolute."""
    root: OwnPath | None = None
    """Folder that the paths in it are relative to (default: the CSV's own). If it is named, any change in this folder
    counts as a change of the study; otherwise only changes of the images that the CSV names."""
    columns: dict[str, str] | None = None
    """The CSV's names of columns by Sitter's names, where they differ: `{path: filename, artist: painter}`."""
    separator: Literal[",", ";", "\t", "|"] = ","
    """What separates the cells of a row. If the header line has the needed columns only with another separator, that
    one is used, and a message says so."""
