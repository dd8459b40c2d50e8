"""Types of arrays, and operations on vectors and cosines, that several folders use."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Ints = NDArray[np.int64]
COSINE_GRID = 2.0**-40
"""Cosines are rounded to multiples of it, about 12 decimals."""


def rounded(cosines: Floats) -> Floats:
    """Round cosines, float64, in place to about 12 decimals, so that equal ones are equal and none exceeds ± 1."""
    cosines *= 1 / COSINE_GRID
    np.rint(cosines, out=cosines)
    cosines *= COSINE_GRID
    return cosines


def unit(vectors: NDArray[Any]) -> Floats:
    """Return vectors [n, d] scaled to length 1, float64."""
    x = np.asarray(vectors, dtype=np.float64)
    scaled: Floats = x / np.linalg.norm(x, axis=1, keepdims=True)
    return scaled
