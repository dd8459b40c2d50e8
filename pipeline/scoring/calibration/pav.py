"""LLRs by pool-adjacent-violators: the best LLRs that any rising function of the score can give."""

from __future__ import annotations

import numpy as np

from pipeline.core.numbers import Floats
from pipeline.metrics.verification import Tally


def pav(counts: Tally) -> Floats:
    """Return the natural LLR [k] at each distinct score of a tally; it never falls as the score rises.

    It is the log-odds by isotonic regression of "genuine" on the score, minus the log-odds of the pairs themselves
    (Brümmer & du Preez 2006). Scores beyond all pairs of the other sort get ± infinity.
    """
    from scipy.optimize import isotonic_regression

    genuine, impostor = counts.genuine[::-1], counts.impostor[::-1]  # by ascending score
    total = genuine + impostor
    share = isotonic_regression(
        np.divide(genuine, total, out=np.zeros_like(total), where=total > 0),
        weights=np.where(total > 0, total, 1e-12),
    ).x.clip(0, 1)
    with np.errstate(divide="ignore"):
        llr = np.log(share) - np.log1p(-share) - np.log(genuine.sum() / impostor.sum())
    return np.asarray(llr[::-1], dtype=np.float64)
