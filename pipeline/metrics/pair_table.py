"""Pairs by score and sitter in a common form, whether they were scored individually or counted in streams.

It gives means over pairs of anything that depends on a score, also in the bootstrap replicates that `intervals`
describes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.numbers import Floats, Ints
from pipeline.metrics.verification import Tally, tally

if TYPE_CHECKING:
    from pipeline.metrics.intervals import ScoredPairs


# Up to this many pairs of units, a dense table of them is faster than a sparse one.
DENSE = 300_000


@dataclass(frozen=True)
class Side:
    """Genuine or impostor pairs; arrays [n]. A unit is a sitter or, in streams, a group of sitters."""

    score: Floats
    a: NDArray[np.int32]
    b: NDArray[np.int32]
    weight: Floats
    """Number of pairs that a row stands for."""

    def of_units(self, chosen: NDArray[np.bool_]) -> Side:
        """Return the pairs with both units chosen; `chosen` is bool [units]."""
        keep = chosen[self.a] & chosen[self.b]
        return Side(self.score[keep], self.a[keep], self.b[keep], self.weight[keep])

    def mean(self, values: Floats) -> float:
        """Return the mean of values [n] over the pairs; NaN if there are no pairs."""
        total = float(self.weight.sum())
        return float(self.weight @ values) / total if total else float("nan")

    def means(self, values: Floats, units: int, drawn: Iterable[NDArray[np.int32]]) -> Floats:
        """Return the mean of values [n] in each replicate: [replicates], NaN in a replicate without such pairs.

        A pair of two units counts as often as the product of their draws; a pair within one unit as often as its draws.

        Args:
            values: value of each row.
            units: number of units.
            drawn: how often each unit is drawn, [r, units], in chunks of replicates.
        """
        within = self.a == self.b
        sums, counts = (
            (np.bincount(self.a[within], w[within], minlength=units), self._cells(np.where(within, 0, w), units))
            for w in (self.weight * values, self.weight)
        )
        found = []
        for part in drawn:
            m = part.astype(np.float64)
            columns = np.ascontiguousarray(m.T)
            top, bottom = (m @ one + np.einsum("rs,sr->r", m, two @ columns) for one, two in (sums, counts))
            with np.errstate(invalid="ignore", divide="ignore"):
                found.append(np.where(bottom > 0, top / bottom, np.nan))
        return np.concatenate(found)

    def _cells(self, weight: Floats, units: int) -> Any:
        """Return the sums of weights [n] by both units, [units, units]: dense for few units, else sparse."""
        if units * units <= DENSE:
            key = self.a.astype(np.int64) * units + self.b
            return np.bincount(key, weight, minlength=units * units).reshape(units, units)
        from scipy.sparse import coo_array

        return coo_array((weight, (self.a, self.b)), shape=(units, units)).tocsr()


@dataclass(frozen=True)
class PairTable:
    """All pairs of a benchmark."""

    genuine: Side
    impostor: Side
    units: int

    def of_units(self, chosen: NDArray[np.bool_]) -> PairTable:
        """Return the pairs with both units chosen; `chosen` is bool [units]."""
        return PairTable(self.genuine.of_units(chosen), self.impostor.of_units(chosen), self.units)

    def tally(self) -> Tally:
        """Return the counts at each distinct score."""
        return tally(self.genuine.score, self.impostor.score, self.genuine.weight, self.impostor.weight)


def exact_table(pairs: ScoredPairs) -> PairTable:
    """Return a table of pairs that were scored individually, each with weight 1."""
    sitter, a, b = pairs.genuine_sitter, pairs.impostor_a, pairs.impostor_b
    return PairTable(
        Side(pairs.genuine, sitter, sitter, np.ones(len(sitter))),
        Side(pairs.impostor, a, b, np.ones(len(a))),
        pairs.sitters,
    )


def streamed_table(scores: Floats, genuine: Ints, impostor: Ints) -> PairTable:
    """Return a table of pairs that were counted by groups of sitters and levels; a row is a cell with pairs.

    Args:
        scores: [levels], the score that represents each level.
        genuine: [groups, levels], numbers of genuine pairs.
        impostor: [groups, groups, levels], numbers of impostor pairs.
    """
    group, level = np.nonzero(genuine)
    a, b, at = np.nonzero(impostor)
    return PairTable(
        Side(scores[level], group.astype(np.int32), group.astype(np.int32), genuine[group, level].astype(np.float64)),
        Side(scores[at], a.astype(np.int32), b.astype(np.int32), impostor[a, b, at].astype(np.float64)),
        len(genuine),
    )
