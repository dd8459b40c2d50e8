"""Options shared by all sources, by sources of one file, and by sources of an archive."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipeline.core.own_files import OwnPath
from pipeline.core.registry import Options, Strict

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class SourceSize(Strict):
    """The size of a source, for the estimates of `sitter check` before anything is fetched."""

    gb: Annotated[float, Field(gt=0)]
    """Size in gigabytes, as delivered."""
    images: Annotated[int, Field(ge=0)] = 0
    """Number of images; 0 for weights."""
    sitters: Annotated[int, Field(ge=0)] = 0
    """Number of sitters; 0 for weights."""


class SourceOptions(Options):
    """Options of a source."""

    licence: str | None = None
    """Terms of use, which are kept beside the data."""
    obtain: str | None = None
    """How to obtain the data; shown if it is missing."""
    size: SourceSize | None = None
    """Size of the data; null: the files on this machine are counted."""


class OwnFile(SourceOptions):
    """Options of a source that is one file, a file of the user's own or behind a URL."""

    path: OwnPath | None = None
    """The file, relative to the project's root or absolute."""
    url: str | None = None
    """URL of the file; needs `sha256`."""
    sha256: Sha256 | None = None
    """Checksum of the file, which is checked before the file is used."""


class Unpacked(SourceOptions):
    """Options of a source that takes images or one file out of an archive."""

    contents: Literal["images", "file", "python-literal"]
    """What to take: `images`, a `file`, or, as `python-literal`, the bytes that a Python file assigns to `variable`."""
    member: str
    """The folder in the archive with a folder per sitter, or the file to take."""
    pattern: str = "*"
    """Pattern for the file names of the images to take, such as `*.pgm`."""
    variable: str = "WEIGHTS"
    """Name of the variable that holds the bytes, for `python-literal`."""
    save_as: str | None = None
    """Name of the file that is made (default: the entry's name with the ending .onnx)."""


class Fetched(SourceOptions):
    """Options of a source that fetches many images by URL."""

    complete: bool = False
    """Stop if any image cannot be fetched."""
    workers: Annotated[int, Field(ge=1, le=256)] = 8
    """Largest number of connections at a time."""
    per_host: Annotated[int, Field(ge=1, le=64)] = 2
    """Largest number of connections at a time to one host."""
    delay: Annotated[float, Field(ge=0, le=3600)] = 0.0
    """Least number of seconds between two requests to one host."""
    retries: Annotated[int, Field(ge=0, le=20)] = 4
    """Number of further attempts at a URL."""
    backoff: Annotated[float, Field(gt=0, le=60)] = 1.0
    """Seconds before the first further attempt; the pause doubles each time."""
    contact: str | None = None
    """E-mail address or page for the servers' logs, as Wikimedia and others require."""
    licence: str | None = None
    """Terms of use, for images that state none."""
