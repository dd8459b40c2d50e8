"""Scores of blocks of pairs: cosines in the precision that is needed, or scores from a file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from pipeline.core.numbers import Floats, Ints, rounded, unit
from pipeline.metrics.bins import is_resolved
from pipeline.metrics.pairing import Pairing
from pipeline.metrics.result import Scored

BLOCK = 1024
# Rounding error of single-precision cosines: a few times the error for random vectors.
SINGLE = 2.0**-22


class Products(ABC):
    """The matrix of scores, from which blocks are taken; rows and columns are in an order of their own."""

    bounds: tuple[float, float]
    """No score lies outside these."""

    @abstractmethod
    def __call__(self, rows: slice, columns: slice) -> NDArray[Any]:
        """Return a new array of the scores of a block: [rows, columns], float32 or float64."""

    @abstractmethod
    def precisely(self, rows: Ints, columns: Ints) -> Floats:
        """Return scores [rows, columns] in double precision."""

    def precise_enough(self, genuine: Floats, impostor: Floats) -> Products:
        """Return products with rounding errors so small that they do not change the error rates of sampled pairs."""
        return self


def products(pairing: Pairing, rows: Ints, columns: Ints) -> Products:
    """Return the scores of a pairing, its rows and columns in this order."""
    if isinstance(pairing.probe, Scored):
        return Given(pairing.scorer()(slice(None))[rows][:, columns])
    return Precise(pairing.probe.vectors, rows, pairing.columns.vectors, columns)


@dataclass(frozen=True)
class Precise(Products):
    """Cosines in double precision; vectors are scaled block by block, so that no copy of all is needed."""

    row_vectors: NDArray[np.float32]
    rows: Ints
    column_vectors: NDArray[np.float32]
    columns: Ints
    bounds = (-1.0, 1.0)

    def __call__(self, rows: slice, columns: slice) -> NDArray[Any]:
        return self._cosines(self.rows[rows], self.columns[columns])

    def precisely(self, rows: Ints, columns: Ints) -> Floats:
        return self._cosines(self.rows[rows], self.columns[columns])

    def _cosines(self, rows: Ints, columns: Ints) -> Floats:
        return rounded(unit(self.row_vectors[rows]) @ unit(self.column_vectors[columns]).T)

    def precise_enough(self, genuine: Floats, impostor: Floats) -> Products:
        if not is_resolved(genuine, impostor, SINGLE, ties=True):
            return self
        left = _scaled(self.row_vectors, self.rows)
        alike = self.row_vectors is self.column_vectors and self.rows is self.columns
        return Fast(self, left, left if alike else _scaled(self.column_vectors, self.columns))


@dataclass(frozen=True)
class Fast(Products):
    """Cosines in single precision."""

    precise: Precise
    row_units: NDArray[np.float32]
    column_units: NDArray[np.float32]
    bounds = (-1.0, 1.0)

    def __call__(self, rows: slice, columns: slice) -> NDArray[Any]:
        scores = self.row_units[rows] @ self.column_units[columns].T
        return cast(NDArray[Any], np.clip(scores, -1, 1, out=scores))

    def precisely(self, rows: Ints, columns: Ints) -> Floats:
        return self.precise.precisely(rows, columns)


class Given(Products):
    """Scores from a file."""

    def __init__(self, scores: Floats) -> None:
        """Take the scores [rows, columns], with 0 for excluded pairs."""
        self.scores = scores
        self.bounds = float(scores.min()), float(scores.max())

    def __call__(self, rows: slice, columns: slice) -> NDArray[Any]:
        return self.scores[rows, columns].copy()

    def precisely(self, rows: Ints, columns: Ints) -> Floats:
        return self.scores[np.ix_(rows, columns)]


def _scaled(vectors: NDArray[np.float32], order: Ints) -> NDArray[np.float32]:
    """Return unit vectors in this order, float32; in blocks, because they are scaled in double precision."""
    found = np.empty((len(order), vectors.shape[1]), dtype=np.float32)
    for start in range(0, len(order), BLOCK):
        found[start : start + BLOCK] = unit(vectors[order[start : start + BLOCK]])
    return found
