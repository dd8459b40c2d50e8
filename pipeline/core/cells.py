"""Types of the cells of a table; `typed_files` reads the text of a cell as the type of its field."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import BeforeValidator


def _known(text: str) -> float | None:
    """Return a cell as a number, or None if it is empty or infinite; raises ValueError if it is something else."""
    return float(text) if text and math.isfinite(float(text)) else None


Number = Annotated[float | None, BeforeValidator(_known)]
"""A column of numbers; an empty cell is None."""
YesOrUnknown = Annotated[bool | None, BeforeValidator(lambda text: text == "1" if text else None)]
"""A column of 1 (true) and 0 (false); an empty cell is None."""
