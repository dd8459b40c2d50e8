"""Files as typed objects: a row of a CSV file, and a folder with a known set of files, each become a dataclass.

The fields of a row are its columns. The fields of a folder are its files, each declared with its name and its reader:

    @dataclass(frozen=True)
    class Overlap:
        summary: Summary = from_file("summary.json", object_of(Summary))
        images: list[SharedImage] = from_file("images.csv", rows_of(SharedImage))
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import MISSING, field, fields
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pipeline.core.errors import SitterError
from pipeline.core.files import each_row

Row = TypeVar("Row")
Folder = TypeVar("Folder")
Content = TypeVar("Content")


def each_typed(path: Path, kind: type[Row]) -> Iterator[Row]:
    """Yield the rows of a CSV file as objects; each field is a column, and further columns are ignored.

    Args:
        path: the file.
        kind: a dataclass. Its annotations are the types of the cells; a column with a default may be absent.

    Raises:
        SitterError: the file or a column is absent, or a cell does not have its field's type; the message names it.
    """
    from pydantic import TypeAdapter, ValidationError

    make = TypeAdapter(kind).validate_python
    needed = [field.name for field in fields(kind) if field.default is MISSING]  # type: ignore[arg-type]
    for number, row in enumerate(each_row(path, needed), start=2):
        try:
            yield make(row)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise SitterError(f"{path}, row {number}: {where} is {first['input']!r}: {first['msg']}.") from None


def read_typed(path: Path, kind: type[Row], optional: bool = False) -> list[Row]:
    """Return the rows of a CSV file as `each_typed` does; an absent `optional` file has no rows."""
    return [] if optional and not path.exists() else list(each_typed(path, kind))


def rows_of(kind: type[Row]) -> Callable[[Path], list[Row]]:
    """Return a reader for `from_file`: the rows of a CSV file, as `read_typed` returns them."""
    return partial(read_typed, kind=kind)


def from_file(name: str, read: Callable[[Path], Content], absent: Any = MISSING) -> Content:
    """Declare a field of a folder's dataclass that holds the content of the file `name`.

    Args:
        name: the name of the file.
        read: reads the file.
        absent: the value of the field if there is no such file; without it, the reader reports the absent file.
    """
    declared: Content = field(metadata={"name": name, "read": read, "absent": absent})
    return declared


def read_folder(folder: Path, kind: type[Folder]) -> Folder:
    """Return a folder as an object of the dataclass `kind`, with the fields that `from_file` has declared.

    Raises:
        SitterError: a file is absent or broken.
    """
    found = {}
    for declared in fields(kind):  # type: ignore[arg-type]
        path, absent = folder / declared.metadata["name"], declared.metadata["absent"]
        found[declared.name] = declared.metadata["read"](path) if absent is MISSING or path.is_file() else absent
    return kind(**found)


def find_folder(folder: Path, kind: type[Folder]) -> Folder | None:
    """Return a folder as `read_folder` does; None if its first file is absent, since nothing has been made yet."""
    first = fields(kind)[0].metadata["name"]  # type: ignore[arg-type]
    return read_folder(folder, kind) if (folder / first).is_file() else None


def number(text: str | None) -> float | None:
    """Return a cell of a table as a finite number; None if it is empty, absent or no finite number.

    >>> number("0.25"), number(""), number(None), number("nan")
    (0.25, None, None, None)
    """
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None
