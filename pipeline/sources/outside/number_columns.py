"""The columns of a table that hold the values of a vector."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import SitterError

# With fewer rows, values may be equal to row numbers by chance.
FEWEST_ROWS = 5


def family(file: Path, columns: Sequence[str], prefix: str | None = None) -> list[str]:
    """Return the columns of the vector, in the order of their numbers.

    A vector's columns have one prefix (or none) and consecutive numbers from 0 or 1: v0, v1 …; dim_001, dim_002 …; or
    plain 0, 1 …. Columns with other names (pandas' row number, `label`, `sitter`) are no part of the vector.

    Args:
        file: the file, for messages.
        columns: all columns that may be values.
        prefix: prefix of the vector's columns, needed if several families have numbers.

    Raises:
        SitterError: there is no family, there are several, or one has a gap.
    """
    families: dict[str, dict[int, str]] = {}
    for name in columns:
        found = re.fullmatch(r"(.*?)(\d+)", name, re.DOTALL)
        if found is None:
            continue
        numbers = families.setdefault(found[1], {})
        if int(found[2]) in numbers and prefix in (None, found[1]):
            raise SitterError(
                f"{file}: columns {numbers[int(found[2])]!r} and {name!r} have the same number: delete one."
            )
        numbers[int(found[2])] = name
    if prefix is None:
        prefix = _only(file, columns, families)
    if prefix not in families:
        raise SitterError(
            f"{file}: `columns` of the outside system is {prefix!r}, but no column is named {prefix!r} and a number; "
            f"found: {_names(columns)}."
        )
    numbers = families[prefix]
    first, last = min(numbers), max(numbers)
    missing = [n for n in range(min(first, 1), last + 1) if n not in numbers]
    if missing:
        raise SitterError(
            f"{file}: the columns {numbers[first]!r} … {numbers[last]!r} are a vector, but number {missing[0]} is "
            f"missing{f' and {len(missing) - 1} more' if len(missing) > 1 else ''}: number them from 0 or 1 without a "
            "gap."
        )
    return [numbers[n] for n in sorted(numbers)]


def _only(file: Path, columns: Sequence[str], families: dict[str, dict[int, str]]) -> str:
    """Return the prefix of the only family with at least two columns, or of a single column if it is the only one."""
    large = [prefix for prefix, numbers in families.items() if len(numbers) > 1]
    if len(large) == 1:
        return large[0]
    if not large and len(columns) == 1 and families:
        return next(iter(families))
    mend = "Name the vector's columns v0, v1 … and give no other columns such names."
    if len(large) > 1:
        shown = ", ".join(f"{p!r} ({len(families[p])} columns)" for p in large)
        raise SitterError(
            f"{file}: several families of columns have numbers: {shown}. Choose the vector with the system's "
            f"option `columns`, for example `columns: {max(large, key=lambda p: len(families[p])) or chr(34) * 2}`."
        )
    raise SitterError(
        f"{file} has no vectors: expected a column embedding, or a column for each value with consecutive numbers in "
        f"the names; found beside the ids: {_names(columns)}. {mend}"
    )


def _names(columns: Sequence[str]) -> str:
    """Return the first few column names in words."""
    return ", ".join(repr(c) for c in columns[:8]) + (" …" if len(columns) > 8 else "") if columns else "nothing"


def counting(vectors: NDArray[Any]) -> int | None:
    """Return the number of the value of vectors [n, d] that counts the rows from 0 or 1; None if there is none."""
    rows = np.arange(len(vectors))
    if len(rows) < FEWEST_ROWS:
        return None
    few = vectors[:FEWEST_ROWS]
    for value in np.flatnonzero(((few - few[0]) == rows[:FEWEST_ROWS, None]).all(0)):
        if few[0, value] in (0, 1) and (vectors[:, value] - vectors[0, value] == rows).all():
            return int(value)
    return None
