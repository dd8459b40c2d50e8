"""Kind `file`: one file of weights of your own, or behind a URL."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

from pydantic import Field

from pipeline.own import OwnPath
from pipeline.sources.local import own_file


def fetch(
    folder: Path,
    entry: str,
    *,
    path: OwnPath | None = None,
    url: str | None = None,
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None,
    save_as: str | None = None,
    licence: str | None = None,
    obtain: str | None = None,
) -> None:
    """One file, such as weights, of your own or behind a URL, copied under its name or `save_as`.

    Args:
        folder: where the file goes.
        entry: name of the entry.
        path: the file, relative to the project's root or absolute.
        url: where it is fetched from; needs `sha256`.
        sha256: its checksum.
        save_as: name of the copy (default: the file's own).
        licence: terms of use, kept beside it.
        obtain: how to get the file, said where it is missing.
    """
    source, name = own_file(entry, path, url, sha256)
    shutil.copyfile(source, folder / Path(save_as or name).name)
