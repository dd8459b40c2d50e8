"""Numbers in tables of text: they are parsed here, once, when a file is read."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator

from pipeline.core.files import read_csv

Point = tuple[float, float]


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


def _known(text: str) -> float | None:
    """Return the same as `number`, but raise ValueError if a cell is neither empty nor a number."""
    return float(text) if text and math.isfinite(float(text)) else None


Number = Annotated[float | None, BeforeValidator(_known)]
"""A column of numbers; an empty cell is None."""
Yes = Annotated[bool, BeforeValidator(lambda text: text == "1")]
"""A column of 1 (true) and 0 (false); an empty cell is false."""


@dataclass(frozen=True)
class Curve:
    """Columns of numbers with the same length; None where the data cannot support a number."""

    columns: Mapping[str, Sequence[float | None]] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, str]]) -> Curve:
        """Return the columns of rows of text; a cell that is no number becomes None."""
        return cls({name: [number(row.get(name)) for row in rows] for name in (rows[0] if rows else ())})

    def rows(self, *columns: str) -> list[tuple[float, ...]]:
        """Return some columns side by side without rows with an empty cell; no rows if a column is absent."""
        found: Iterable[tuple[float | None, ...]] = zip(*(self.columns.get(name, ()) for name in columns), strict=False)
        return [tuple(v for v in row if v is not None) for row in found if None not in row]

    def points(self, x: str, y: str) -> list[Point]:
        """Return two columns as points, sorted by the first column; incomplete points are left out."""
        return sorted(((a, b) for a, b in self.rows(x, y)), key=lambda point: point[0])


def read_curve(path: Path) -> Curve:
    """Read a CSV file as one curve."""
    return Curve.of(read_csv(path))
