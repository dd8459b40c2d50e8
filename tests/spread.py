"""Claims about what is learned hold in the mean over seeds, by several standard errors: no rounding decides them."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import mean, stdev, variance

ERRORS = 3.0


def surely(values: Iterable[float], errors: float = ERRORS) -> float:
    """Return what the mean of the values is at least: the mean less so many of its standard errors.

    >>> surely([1.0, 2.0, 3.0], errors=0), round(surely([1.0, 2.0, 3.0]), 2)
    (2.0, 0.27)
    """
    found = list(values)
    return mean(found) - errors * stdev(found) / len(found) ** 0.5


def surely_gained(before: Iterable[float], after: Iterable[float], errors: float = ERRORS) -> float:
    """Return what the second mean is at least above the first: the difference less so many of its standard errors.

    >>> surely_gained([1.0, 3.0], [4.0, 6.0], errors=0), round(surely_gained([1.0, 3.0], [4.0, 6.0], errors=1), 2)
    (3.0, 1.59)
    """
    first, second = list(before), list(after)
    error = (variance(first) / len(first) + variance(second) / len(second)) ** 0.5
    return mean(second) - mean(first) - errors * error
