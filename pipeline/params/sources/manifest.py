"""Options of the source `manifest`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.core.own_files import OwnPath
from pipeline.params.sources.base import SourceOptions


class ManifestOptions(SourceOptions):
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
    complete: bool = False
    """Stop if a single image cannot be had."""
    workers: Annotated[int, Field(ge=1, le=256)] = 8
    """Connections at a time."""
    per_host: Annotated[int, Field(ge=1, le=64)] = 2
    """Connections at a time to one host."""
    delay: Annotated[float, Field(ge=0, le=3600)] = 0.0
    """Seconds between two requests to one host."""
    retries: Annotated[int, Field(ge=0, le=20)] = 4
    """Further attempts at a URL."""
    backoff: Annotated[float, Field(gt=0, le=60)] = 1.0
    """Seconds before the first of them; it doubles each time."""
    contact: str | None = None
    """E-mail address or page for the servers' logs, as Wikimedia and others ask."""
    licence: str | None = None
    """Terms of use, for the rows that name none."""
