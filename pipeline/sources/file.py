"""Kind `file`: one file of weights of your own, or behind a URL, with the external data that an ONNX file names."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

from pydantic import Field

from pipeline.core.errors import SitterError
from pipeline.core.own_files import OwnPath
from pipeline.formats.onnx_files import check_companions, companions
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

    Of an ONNX network, the files of external data that it names are copied from beside it, too.

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
    copy = folder / Path(save_as or name).name
    shutil.copyfile(source, copy)
    check_companions(copy, beside=source.parent if path else folder)
    for target in companions(copy):
        if target.exists():
            raise SitterError(f"download.{entry}: {copy.name} keeps its weights in a file of its own name: rename it.")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source.parent / target.relative_to(folder), target)
