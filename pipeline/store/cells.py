"""Numbers in tables of text: they are parsed here, once, when a file is read."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import BeforeValidator


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
YesOrUnknown = Annotated[bool | None, BeforeValidator(lambda text: text == "1" if text else None)]
"""A column of 1 (true) and 0 (false); an empty cell is None."""
