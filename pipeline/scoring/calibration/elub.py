"""Empirical lower and upper bounds of a likelihood ratio: what the number of pairs supports."""

from __future__ import annotations

import numpy as np

from pipeline.core.numbers import Floats

# The grid of natural LLRs in which bounds are looked for.
WIDEST, STEP = 20.0, 0.01


def elub(
    genuine: Floats, impostor: Floats, genuine_weights: Floats, impostor_weights: Floats, misleading: float = 1
) -> tuple[float, float]:
    """Return the lowest and the highest natural LLR that the data support (ELUB).

    The method is from Vergeer, van Es, de Jongh, Alberink & Stoel 2016, "Numerical likelihood ratios outputted by LR
    systems are often based on extrapolation". One misleading LR of each sort, beyond all others, is added to the data;
    the system must still cost no more than a system that always answers LR = 1. At a threshold t its cost is FNR(t) + t
    · FMR(t), and the other system's cost is min(1, t). Going from 1 outwards on either side, LRs are cut at the last
    threshold at which this holds. With n impostor and m genuine pairs, every LR stays below n + 1 and above 1 / (m +
    1). Pairs of one sitter depend on each other, so the bounds are too wide if few sitters have many pairs.

    Args:
        genuine, impostor: natural LLRs [n] and [m].
        genuine_weights, impostor_weights: number of pairs that each LLR stands for.
        misleading: number of misleading LRs of each sort that are added.
    """
    grid = np.arange(0, WIDEST + STEP, STEP)

    def share(values: Floats, weights: Floats, at: Floats, above: bool) -> Floats:
        order = np.argsort(values)
        below = np.concatenate([[0.0], np.cumsum(weights[order])])
        upto = below[np.searchsorted(values[order], at, side="right")]  # pairs with LLR ≤ t
        wrong = below[-1] - upto if above else upto
        found: Floats = (wrong + misleading) / (below[-1] + misleading)
        return found

    def worth(at: Floats) -> Floats:
        cost = share(genuine, genuine_weights, at, above=False)
        cost = cost + np.exp(at) * share(impostor, impostor_weights, at, above=True)
        found: Floats = np.minimum(1, np.exp(at)) / cost
        return found

    def last(values: Floats) -> float:
        bad = np.flatnonzero(values < 1)
        return float(grid[-1] if not len(bad) else grid[max(0, bad[0] - 1)])

    return -last(worth(-grid)), last(worth(grid))
