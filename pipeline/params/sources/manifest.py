"""Options of the source `manifest`."""

from __future__ import annotations

from typing import ClassVar, Literal

from pipeline.core.own_files import OwnPath
from pipeline.params.sources.base import Fetched


class ManifestOptions(Fetched):
    """Images that a CSV lists by path or URL, each with its sitter; what cannot be had is listed in failed.csv."""

    implementation: ClassVar[str] = "pipeline.sources.manifest:fetch"
    kind: Literal["manifest"] = "manifest"
    path: OwnPath
    """The CSV, relative to the project's root or absolute."""
    root: OwnPath | None = None
    """Folder that the paths in it are relative to (default: the CSV's own). Where it is named, whatever changes in it
    counts as a change of the study; where not, the images that the CSV names do."""
    columns: dict[str, str] | None = None
    """Our names by theirs, where they differ: `{path: filename, artist: painter}`."""
    separator: Literal[",", ";", "\t", "|"] = ","
    """What parts the cells of a row; another one is taken, and said, where the header line has our names only with
    that."""
