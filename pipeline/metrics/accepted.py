"""Find the pairs of a pairing that are accepted at a threshold, in blocks; usually they are few of many."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from pipeline.core.numbers import Ints, rounded, unit
from pipeline.metrics.pairing import Pairing
from pipeline.metrics.products import SINGLE
from pipeline.metrics.result import Scored

BLOCK = 1024


def accepted(pairing: Pairing, threshold: float) -> Iterator[tuple[Ints, Ints]]:
    """Yield rows and columns of the pairs that score at least the threshold, block by block, without excluded pairs.

    The result is the same as in double precision, with equal cosines equal, as in `all_pairs`. Scores are computed in
    single precision first; only scores so close to the threshold that rounding matters are computed again.
    """
    n, m = len(pairing.probe), len(pairing.columns)
    score = _given(pairing, threshold) if isinstance(pairing.probe, Scored) else _cosines(pairing, threshold)
    out = np.sort(pairing.excluded[0] * m + pairing.excluded[1])
    for r in range(0, n, BLOCK):
        for c in range(r if pairing.within else 0, m, BLOCK):
            rows, columns = score(r, c)
            keep = rows < columns if pairing.within else np.ones(len(rows), bool)
            if len(out):
                key = rows * m + columns
                keep &= out[np.minimum(np.searchsorted(out, key), len(out) - 1)] != key
            yield rows[keep], columns[keep]


def _given(pairing: Pairing, threshold: float) -> Callable[[int, int], tuple[Ints, Ints]]:
    """Return a function that finds the accepted pairs of a block (by its first row and column) in given scores."""
    scorer = pairing.scorer()

    def block(r: int, c: int) -> tuple[Ints, Ints]:
        rows, columns = np.nonzero(scorer(slice(r, r + BLOCK))[:, c : c + BLOCK] >= threshold)
        return rows + r, columns + c

    return block


def _cosines(pairing: Pairing, threshold: float) -> Callable[[int, int], tuple[Ints, Ints]]:
    """Return such a function for vectors."""
    probes, gallery = pairing.probe.vectors, pairing.columns.vectors

    def single(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        return unit(vectors).astype(np.float32)

    def block(r: int, c: int) -> tuple[Ints, Ints]:
        scores = single(probes[r : r + BLOCK]) @ single(gallery[c : c + BLOCK]).T
        rows, columns = np.nonzero(scores >= np.float32(threshold - 2 * SINGLE))
        near = scores[rows, columns] < threshold + 2 * SINGLE
        rows, columns = rows + r, columns + c
        exact = rounded(np.einsum("nd,nd->n", unit(probes[rows[near]]), unit(gallery[columns[near]])))
        keep = np.ones(len(rows), bool)
        keep[near] = exact >= threshold
        return rows[keep], columns[keep]

    return block
