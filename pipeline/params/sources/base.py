"""What all sources share, then those of one file, then those of an archive."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipeline.core.own_files import OwnPath
from pipeline.core.registry import Options, Strict

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Size(Strict):
    """How large a source is, which `sitter check` goes by before anything is fetched."""

    gb: Annotated[float, Field(gt=0)]
    """Gigabytes, as delivered."""
    images: Annotated[int, Field(ge=0)] = 0
    """Images; 0 of weights."""
    sitters: Annotated[int, Field(ge=0)] = 0
    """Sitters; 0 of weights."""


class SourceOptions(Options):
    """Options of a source."""

    licence: str | None = None
    """Terms of use, kept beside the data."""
    obtain: str | None = None
    """How to get it, said where it is missing."""
    size: Size | None = None
    """How large it is; null: what lies here is counted."""


class OwnFile(SourceOptions):
    """Options of a source that is one file, of the user's own or behind a URL."""

    path: OwnPath | None = None
    """The file, relative to the project's root or absolute."""
    url: str | None = None
    """Where it is fetched from; needs `sha256`."""
    sha256: Sha256 | None = None
    """Its checksum, checked before anything is made of it."""


class Unpacked(SourceOptions):
    """Options of a source that takes images or one file out of an archive."""

    contents: Literal["images", "file", "python-literal"]
    """`images`, `file`, or `python-literal`: a Python file that assigns bytes to `variable`."""
    member: str
    """Folder in the archive that holds a folder per sitter, or the file."""
    pattern: str = "*"
    """Images whose file name fits are taken: `*.pgm`."""
    variable: str = "WEIGHTS"
    """Its name."""
    save_as: str | None = None
    """Name of the file made of it (default: the entry's name with the ending .onnx)."""


class Fetched(SourceOptions):
    """Options of a source that fetches many images by URL."""

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
    """Terms of use, for the images that name none."""
