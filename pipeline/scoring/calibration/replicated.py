"""Cllr's minimum in bootstrap replicates, from pairs that are counted at a few hundred levels of the score."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from pipeline.core.numbers import Floats
from pipeline.metrics.pair_table import PairTable, Side
from pipeline.metrics.verification import Tally
from pipeline.scoring.calibration.cost import cllr
from pipeline.scoring.calibration.pav import pav

LEVELS = 300
# Number of weights in memory at once.
CHUNK = 4_000_000


def minimum(counts: Tally) -> float:
    """Return Cllr of the best rising function of the score, fitted on the pairs that it is evaluated on."""
    llr = pav(counts)
    return cllr(llr, llr, counts.genuine, counts.impostor)


def minimum_replicates(table: PairTable, draws: Callable[[], Iterator[NDArray[np.int32]]]) -> Floats:
    """Return Cllr's minimum in each replicate: [replicates], NaN in one without genuine or without impostor pairs.

    Scores are binned into 300 levels, which are quantiles of the genuine and of the impostor pairs. The error that
    binning makes on the whole set is subtracted from each replicate.
    """
    edges = _edges(table)
    counted = [_Counted.of(side, edges) for side in (table.genuine, table.impostor)]
    whole = minimum(table.tally()) - _at(*(c.whole() for c in counted))
    found = []
    size = max(1, CHUNK // max(1, *(len(c.a) for c in counted)))
    for part in draws():
        for start in range(0, len(part), size):
            m = part[start : start + size].astype(np.float64)
            found += [_at(g, i) for g, i in zip(*(c.drawn(m) for c in counted), strict=True)]
    return np.maximum(np.array(found) + whole, 0)


def _at(genuine: Floats, impostor: Floats) -> float:
    if not genuine.sum() or not impostor.sum():
        return float("nan")
    used = (genuine + impostor) > 0
    return minimum(Tally(np.flatnonzero(used)[::-1].astype(float), genuine[used][::-1], impostor[used][::-1]))


def _edges(table: PairTable) -> Floats:
    """Return the lowest scores of the levels, ascending."""
    quantiles = [np.quantile(s.score, np.linspace(0, 1, LEVELS // 2)) for s in (table.genuine, table.impostor)]
    return np.unique(np.concatenate(quantiles))


class _Counted:
    """Numbers of genuine, or of impostor, pairs by cell (two units) and level."""

    def __init__(self, a: NDArray[np.int64], b: NDArray[np.int64], cells: object) -> None:
        self.a, self.b, self.cells = a, b, cells

    @staticmethod
    def of(side: Side, edges: Floats) -> _Counted:
        from scipy.sparse import coo_array

        level = np.clip(np.searchsorted(edges, side.score, side="right") - 1, 0, len(edges) - 1)
        key = side.a.astype(np.int64) << 32 | side.b
        cells, cell = np.unique(key, return_inverse=True)
        counts = coo_array((side.weight, (level, cell)), shape=(len(edges), len(cells))).tocsr()
        return _Counted(cells >> 32, cells & 0xFFFFFFFF, counts)

    def whole(self) -> Floats:
        """Return the number of pairs at each level: [levels]."""
        return np.asarray(self.cells @ np.ones(len(self.a)), dtype=np.float64)  # type: ignore[operator]

    def drawn(self, m: Floats) -> Floats:
        """Return the weight at each level [r, levels] for replicates given as multiplicities of units [r, units]."""
        weights = np.where(self.a == self.b, m[:, self.a], m[:, self.a] * m[:, self.b])
        return np.asarray((self.cells @ weights.T).T, dtype=np.float64)  # type: ignore[operator]
