"""Likelihood ratios in words."""

from __future__ import annotations

import math

STEPS = (
    (2, "no support for either"),
    (10, "weak support"),
    (100, "moderate support"),
    (1_000, "moderately strong support"),
    (10_000, "strong support"),
    (1_000_000, "very strong support"),
    (math.inf, "extremely strong support"),
)


def verbal(log10_lr: float) -> str:
    """Return the verbal equivalent of a likelihood ratio by ENFSI's Guideline for Evaluative Reporting (2015).

    >>> verbal(0.1), verbal(1.5), verbal(-3.2)
    ('no support for either', 'moderate support for the same sitter', 'strong support for different sitters')
    """
    lr = 10 ** abs(log10_lr)
    step = next(words for end, words in STEPS if lr < end or end == math.inf)
    if step == STEPS[0][1]:
        return step
    return f"{step} for {'the same sitter' if log10_lr > 0 else 'different sitters'}"
