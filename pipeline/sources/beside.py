"""What a source reads beside the files that params.yaml names.

The index of a record file, the images of a list, the external data of an ONNX network.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from pipeline.errors import SitterError
from pipeline.kinds import Options
from pipeline.own import located
from pipeline.sources.companions import companions


def read_beside(source: Options) -> list[Path]:
    """Return the further files of the user's own that the download of an entry reads, whether they are there or not.

    Args:
        source: an entry of the section `download`.
    """
    find = BESIDE.get(source.kind)
    return [] if find is None or getattr(source, "path", None) is None else find(source)


def index_and_property(records: Path) -> tuple[Path, Path]:
    """Return where the index and the `property` file of a RecordIO file are looked for."""
    return records.with_suffix(".idx"), records.with_name("property")


def _of_records(source: Any) -> list[Path]:
    return list(index_and_property(located(source.path)))


def _of_list(source: Any) -> list[Path]:
    """The images that a list names below its own folder. Where `root` is named, that whole folder counts already."""
    if source.root is not None:
        return []
    table = located(source.path)
    column = (source.columns or {}).get("path", "path")
    try:
        found = table.stat()
        return list(_listed(table, column, source.separator, found.st_mtime_ns, found.st_size))
    except (OSError, ValueError, csv.Error):  # no such file, no such column, no text: the stage says what is wrong
        return []


@lru_cache
def _listed(table: Path, column: str, separator: str, *_: int) -> tuple[Path, ...]:
    """The cells of a column as paths; read once for each state of the file."""
    with open(table, newline="", encoding="utf-8-sig") as file:
        rows = csv.reader(file, delimiter=separator)
        at = [name.strip() for name in next(rows, [])].index(column)
        cells = [row[at].strip() for row in rows if len(row) > at]
    return tuple(table.parent / cell for cell in dict.fromkeys(cells) if cell)


def _of_file(source: Any) -> list[Path]:
    """The external data that an ONNX network keeps beside it."""
    try:
        return companions(located(source.path))
    except (OSError, SitterError):  # not readable, or outside of the folder: the stage says so
        return []


# By kind of source. A kind that is not here reads what params.yaml names and nothing else.
BESIDE: dict[str, Callable[[Any], list[Path]]] = {
    "file": _of_file,
    "manifest": _of_list,
    "recordio": _of_records,
}
