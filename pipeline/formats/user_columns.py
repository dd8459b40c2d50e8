"""Reads a user's large CSV files (millions of rows, or hundreds of numbers each) into Arrow columns, strictly.

Arrow reads them in a fraction of the time of `pipeline.formats.user_csv`. That module reads the header, and finds the
fault if Arrow fails or may have read other rows than the lines of the file say.
"""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core.errors import SitterError
from pipeline.formats.user_csv import UserTable, open_table

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK = 1 << 24


def read_user_columns(file: Path, required: Sequence[str], texts: Sequence[str]) -> pa.Table:
    """Read a user's CSV file into columns; numbers become numbers, empty cells of numbers null.

    Args:
        file: the file; see `open_table` for encodings and separators.
        required: columns that have to be there.
        texts: columns that are names, even where they look like numbers.

    Raises:
        SitterError: the file cannot be read with certainty; the message names the line.
    """
    import pyarrow as pa
    from pyarrow import csv

    table = open_table(file, required)
    names = [f"\0{place}" for place in range(table.width)]  # columns without a name may be several
    for place, name in zip(table.places, table.columns, strict=True):
        names[place] = name
    try:
        found = csv.read_csv(
            file,
            read_options=csv.ReadOptions(
                column_names=names, skip_rows=table.header, encoding=table.encoding.removesuffix("-sig")
            ),
            parse_options=csv.ParseOptions(delimiter=table.separator),
            convert_options=csv.ConvertOptions(
                include_columns=list(table.columns), column_types=dict.fromkeys(texts, pa.string())
            ),
        )
    except pa.ArrowInvalid as error:
        rows = _checked(table)
        if rows:
            reason = (str(error).splitlines() or [""])[0]
            raise SitterError(f"{file} is no CSV that can be read: {reason}") from None
        return pa.table({name: pa.array([], pa.string()) for name in table.columns})  # the file has a header line only
    if _has_quotes(file) and found.num_rows != _lines(file) - table.header:  # blank lines, or rows swallowed by a cell
        rows = _checked(table)
        if rows != found.num_rows:
            raise SitterError(
                f"{file}: {rows} rows stand below the header line, but they are read as {found.num_rows}: is there a "
                "stray quote or a line of empty cells? Save the file anew, without empty lines."
            )
    return found


def line_of(file: Path, required: Sequence[str], row: int) -> int:
    """Return the line of a user's CSV file, counted from 1, in which a row begins, counted from 0 below the header.

    Raises:
        SitterError: the file cannot be read with certainty.
    """
    return next(islice(open_table(file, required, quiet=True).rows(), row, None), (row + 2, {}))[0]


def _checked(table: UserTable) -> int:
    """Count the rows by the strict reader; raises SitterError where it refuses the file."""
    return sum(1 for _ in table.rows())


def _has_quotes(file: Path) -> bool:
    """Whether the file has double quotes: without them, no cell can span several lines."""
    with open(file, "rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(b'"') >= 0


def _lines(file: Path) -> int:
    """Count the lines of a file, whether or not the last one has a line end."""
    count, last = 0, b"\n"
    with open(file, "rb") as opened:
        while block := opened.read(BLOCK):
            count += block.count(b"\n")
            last = block[-1:]
    return count + (last != b"\n")
