"""Kind `file`: one file of weights of your own, or behind a URL, with the external data that an ONNX file names."""

from __future__ import annotations

import shutil
from pathlib import Path

from pipeline.core.errors import SitterError
from pipeline.formats.companions import check_companions, companions
from pipeline.params.sources.file import FileOptions
from pipeline.sources.local import own_file


def fetch(folder: Path, entry: str, options: FileOptions) -> None:
    """Copy one file, such as weights, of your own or behind a URL, under its name or `save_as`.

    The files of external data that an ONNX network names are copied from beside it, too.

    Args:
        folder: the folder for the file.
        entry: name of the entry.
        options: the options of the entry.
    """
    source, name = own_file(entry, options.path, options.url, options.sha256)
    copy = folder / Path(options.save_as or name).name
    shutil.copyfile(source, copy)
    check_companions(copy, beside=source.parent if options.path else folder)
    for target in companions(copy):
        if target.exists():
            raise SitterError(f"download.{entry}: {copy.name} keeps its weights in a file of its own name: rename it.")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source.parent / target.relative_to(folder), target)
