"""The pairs of a pairing that are accepted at a threshold: few of many, found in blocks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pipeline.metrics.pairing import Pairing
from pipeline.metrics.products import products
from pipeline.metrics.result import Ints

BLOCK = 1024


def accepted(pairing: Pairing, threshold: float) -> Iterator[tuple[Ints, Ints]]:
    """Yield rows and columns of the pairs that score at least the threshold, excluded ones left out, block by block.

    Scores are in double precision, equal cosines equal, as in `all_pairs`.
    """
    n, m = len(pairing.probe), len(pairing.columns)
    score = products(pairing, np.arange(n), np.arange(m))
    out = np.sort(pairing.excluded[0] * m + pairing.excluded[1])
    for r in range(0, n, BLOCK):
        for c in range(r - r % BLOCK if pairing.within else 0, m, BLOCK):
            rows, columns = np.nonzero(score(slice(r, r + BLOCK), slice(c, c + BLOCK)) >= threshold)
            rows, columns = rows + r, columns + c
            keep = rows < columns if pairing.within else np.ones(len(rows), bool)
            if len(out):
                key = rows * m + columns
                keep &= out[np.minimum(np.searchsorted(out, key), len(out) - 1)] != key
            yield rows[keep], columns[keep]
