"""Claims about what is learned hold in the mean over seeds, by several standard errors: no rounding decides them."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import mean, stdev

ERRORS = 3.0


def surely(values: Iterable[float], errors: float = ERRORS) -> float:
    """Return what the mean of the values is at least: the mean less so many of its standard errors.

    >>> surely([1.0, 2.0, 3.0], errors=0), round(surely([1.0, 2.0, 3.0]), 2)
    (2.0, 0.27)
    """
    found = list(values)
    return mean(found) - errors * stdev(found) / len(found) ** 0.5
