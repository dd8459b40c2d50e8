"""Rows of CSV files as objects: what is no word becomes a number, or yes or no, where the file is read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, fields
from pathlib import Path
from typing import TypeVar

from pipeline.core.errors import SitterError
from pipeline.core.files import each_row

Row = TypeVar("Row")


def each_typed(path: Path, kind: type[Row]) -> Iterator[Row]:
    """Rows of a CSV file as objects, one at a time; a field is a column, and further columns are left out.

    Args:
        path: the file.
        kind: a dataclass, whose annotations say what becomes of a cell; columns of fields with a default may be absent.

    Raises:
        SitterError: the file or a column is absent, or a cell is not what its field wants; the message names it.
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
    """Rows of a CSV file as objects; none of an `optional` file that is absent. Else as `each_typed`."""
    return [] if optional and not path.exists() else list(each_typed(path, kind))
