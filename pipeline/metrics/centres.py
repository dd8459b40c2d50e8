"""Centres of sitters on the unit sphere, and which one is nearest: in blocks, for millions of images and 100,000s of
sitters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.metrics.result import Floats, Ints, unit

BLOCK = 1024
ROWS_AT_ONCE = 1 << 16


def mean_embeddings(vectors: NDArray[Any], sitters: Sequence[str]) -> tuple[list[str], Floats]:
    """Unit-length mean of each sitter's unit-length embeddings.

    Args:
        vectors: [n, d], finite and not zero.
        sitters: n names.

    Returns:
        The names, sorted, and float64 [sitters, d].
    """
    names, number = np.unique(np.asarray(sitters, dtype=str), return_inverse=True)
    sums = np.zeros((len(names), vectors.shape[1]))
    for start in range(0, len(vectors), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        order = np.argsort(number[rows], kind="stable")
        own = number[rows][order]
        first = np.flatnonzero(np.diff(own, prepend=-1))
        sums[own[first]] += np.add.reduceat(unit(vectors[rows])[order], first, axis=0)
    return [str(name) for name in names], unit(sums)


def nearest(x: Floats, centres: Floats) -> tuple[Floats, Ints]:
    """Cosine [n] of each row to its nearest centre, and which one that is (the first of equals).

    Args:
        x: unit-length rows [n, d].
        centres: unit-length rows [k, d], one at least.
    """
    best, which = np.full(len(x), -np.inf), np.zeros(len(x), dtype=np.int64)
    for r in range(0, len(x), BLOCK):
        rows = slice(r, r + BLOCK)
        for c in range(0, len(centres), BLOCK):
            cosine = x[rows] @ centres[c : c + BLOCK].T
            at = cosine.argmax(axis=1)
            highest = cosine[np.arange(len(at)), at]
            nearer = highest > best[rows]
            best[rows][nearer], which[rows][nearer] = highest[nearer], at[nearer] + c
    return best, which
