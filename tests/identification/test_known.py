"""The likeliest sitters are those of a full sort, with equals in the order of the sort."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.identification.known import ahead, foremost


@pytest.mark.parametrize("with_ratios", [True, False])
@pytest.mark.parametrize("k", [1, 5, 12, 100])
def test_foremost_and_ahead_are_those_of_a_full_sort(k: int, with_ratios: bool) -> None:
    rng = np.random.default_rng(k)
    scores = rng.integers(0, 6, (40, 60)) / 2.0  # many are equal
    llr = np.minimum(rng.integers(0, 5, (40, 60)), 3) * 1.0 if with_ratios else None
    missing = rng.random((40, 60)) < 0.3
    missing[7] = True
    missing[8, 3:] = True
    for table in (scores,) if llr is None else (scores, llr):
        table[missing] = -np.inf
    keys = (-scores,) if llr is None else (-scores, -llr)
    every = np.lexsort(keys, axis=1)
    np.testing.assert_array_equal(foremost(scores, llr, k), every[:, :k])
    mine = rng.integers(0, 60, 40)
    np.testing.assert_array_equal(ahead(scores, llr, mine), (every == mine[:, None]).argmax(axis=1))
