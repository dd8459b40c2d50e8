"""Cllr, the cost of log-likelihood ratios, and empirical cross-entropy."""

from __future__ import annotations

import numpy as np

from pipeline.core.numbers import Floats


def genuine_cost(llr: Floats) -> Floats:
    """Return log2(1 + 1/LR) of each genuine pair's natural LLR [n], in bits."""
    bits: Floats = np.logaddexp(0, -llr) / np.log(2)
    return bits


def impostor_cost(llr: Floats) -> Floats:
    """Return log2(1 + LR) of each impostor pair's natural LLR [n], in bits."""
    bits: Floats = np.logaddexp(0, llr) / np.log(2)
    return bits


def mean(values: Floats, weights: Floats) -> float:
    """Return a weighted mean that ignores rows of weight 0, even if their value is infinite."""
    counted = weights > 0
    return float(np.average(values[counted], weights=weights[counted])) if counted.any() else float("nan")


def cllr(genuine: Floats, impostor: Floats, genuine_weights: Floats, impostor_weights: Floats) -> float:
    """Return Cllr in bits: 0 for perfect LLRs, 1 for LLRs that say nothing, more for misleading ones.

    Cllr is half the mean of log2(1 + 1/LR) over genuine pairs plus half the mean of log2(1 + LR) over impostor pairs
    (Brümmer & du Preez 2006, "Application-independent evaluation of speaker detection"). It is NaN if there are no
    genuine or no impostor pairs.

    Args:
        genuine, impostor: natural LLRs [n] and [m]; may be infinite.
        genuine_weights, impostor_weights: number of pairs that each LLR stands for.
    """
    return (mean(genuine_cost(genuine), genuine_weights) + mean(impostor_cost(impostor), impostor_weights)) / 2


def cross_entropy(
    genuine: Floats, impostor: Floats, genuine_weights: Floats, impostor_weights: Floats, log_odds: Floats
) -> Floats:
    """Return the empirical cross-entropy [k] in bits at each natural prior log-odds [k].

    It is the uncertainty about "same sitter" that remains when the LLR is known (Ramos & Gonzalez-Rodriguez 2013,
    "Reliable support: measuring calibration of likelihood ratios"). At even odds it equals Cllr.
    """
    prior = 1 / (1 + np.exp(-log_odds))
    return np.array(
        [
            p * mean(genuine_cost(genuine + o), genuine_weights)
            + (1 - p) * mean(impostor_cost(impostor + o), impostor_weights)
            for p, o in zip(prior, log_odds, strict=True)
        ]
    )
