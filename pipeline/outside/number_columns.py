"""Which columns of a table hold the values of a vector."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import SitterError

# With fewer rows, values may count them by chance.
FEWEST_ROWS = 5


def family(file: Path, columns: Sequence[str], prefix: str | None = None) -> list[str]:
    """Return the columns of the vector, in the order of their numbers.

    A vector's columns have one prefix (or none) and consecutive numbers from 0 or 1: v0, v1 …; dim_001, dim_002 …; or
    plain 0, 1 …. Whatever has another name (pandas' row number, `label`, `sitter`) is no part of the vector.

    Args:
        file: for messages.
        columns: all columns that may be values.
        prefix: the one that is meant, where several families have numbers.

    Raises:
        SitterError: no family, several, or one with a gap.
    """
    families: dict[str, dict[int, str]] = {}
    for name in columns:
        found = re.fullmatch(r"(.*?)(\d+)", name, re.DOTALL)
        if found is None:
            continue
        numbers = families.setdefault(found[1], {})
        if int(found[2]) in numbers and prefix in (None, found[1]):
            raise SitterError(f"{file}: columns {numbers[int(found[2])]!r} and {name!r} have one number: delete one.")
        numbers[int(found[2])] = name
    if prefix is None:
        prefix = _only(file, columns, families)
    if prefix not in families:
        raise SitterError(
            f"{file}: no column has a name of {prefix!r} and a number, as `columns` of the backbone says; found: "
            f"{_names(columns)}."
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
    """The prefix of the one family of two columns at least; of a single column, if there is no other."""
    large = [prefix for prefix, numbers in families.items() if len(numbers) > 1]
    if len(large) == 1:
        return large[0]
    if not large and len(columns) == 1 and families:
        return next(iter(families))
    mend = "Name the vector's columns v0, v1 … and nothing else so."
    if len(large) > 1:
        shown = ", ".join(f"{p!r} ({len(families[p])} columns)" for p in large)
        raise SitterError(
            f"{file}: several families of columns have numbers: {shown}. Say which is the vector by the backbone's "
            f"option `columns: {max(large, key=lambda p: len(families[p])) or chr(34) * 2}`."
        )
    raise SitterError(
        f"{file} has no values: neither a column embedding nor one for each value, with consecutive numbers in their "
        f"names; found beside the ids: {_names(columns)}. {mend}"
    )


def _names(columns: Sequence[str]) -> str:
    """The first few of some columns."""
    return ", ".join(repr(c) for c in columns[:8]) + (" …" if len(columns) > 8 else "") if columns else "nothing"


def counting(vectors: NDArray[Any]) -> int | None:
    """Return which value of the vectors [n, d] counts the rows from 0 or 1; None: none does."""
    rows = np.arange(len(vectors))
    if len(rows) < FEWEST_ROWS:
        return None
    few = vectors[:FEWEST_ROWS]
    for value in np.flatnonzero(((few - few[0]) == rows[:FEWEST_ROWS, None]).all(0)):
        if few[0, value] in (0, 1) and (vectors[:, value] - vectors[0, value] == rows).all():
            return int(value)
    return None
