"""Rows of CSV files as objects: cells become numbers, booleans or text when the file is read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, fields
from pathlib import Path
from typing import TypeVar

from pipeline.core.errors import SitterError
from pipeline.core.files import each_row

Row = TypeVar("Row")


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
