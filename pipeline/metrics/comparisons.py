"""Paired tests of models: against a baseline that was declared beforehand, and, as exploration, all against all.

The test is Student's t on the difference divided by its bootstrap standard error. Its degrees of freedom come from the
effective number of sitters, (Σ n)² / Σ n², where n is the number of genuine pairs of each sitter (Kish 1965; for tests
with clusters of unequal size, Carter, Schnepel & Steigerwald 2017): if one sitter has half of the pairs, a hundred
others do not make the error well known. With equal sitters it is their number. With unequal sitters the test errs on
the side of caution (`benchmarks/paired_test.py`).

An interval and its p-value never contradict each other. On either side, the interval is the wider of the bootstrap's
percentiles and Student's t; the p-value is the greater of both. So p is below 1 − level exactly if the interval of this
level does not contain zero. This makes the test of the EER cautious: between two equally good models, at 0.05, it finds
a difference in 2.5 % of 400 trials (60 equal sitters). Student's t alone would find one in 3.8 %, the percentiles in
3.5 %. The cause is not the standard error (1.02 times the true deviation), so smoothing the threshold would not help.
For TAR at a FAR the rate is 3.3 %, for d′ 4.3 %. Holm's correction is made on these p-values; the interval is for one
comparison alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from pipeline.core.numbers import Floats
from pipeline.metrics.intervals import FEWEST_UNITS, interval, tested

# With fewer effective sitters, a comparison says little about other sitters.
FEW_EFFECTIVE = 10
# With fewer, there is no degree of freedom left for a test.
LEAST_EFFECTIVE = 1.5


@dataclass(frozen=True)
class ScalarDifference:
    """The difference of two models in one scalar, its interval, and its p-value before and after Holm's correction."""

    model_a: str
    model_b: str
    metric: str
    difference: float
    low: float
    high: float
    p_uncorrected: float
    p: float
    significant: bool
    """Whether the corrected p-value is below 1 − level; the interval then does not contain zero."""
    family: int
    """Number of comparisons that were corrected together."""


@dataclass(frozen=True)
class ReplicatedScalar:
    """One scalar of one model, with its replicates; every model has the same replicates."""

    value: float
    replicates: Floats
    effective: float | None = None
    """Effective number of units, if this scalar has its own."""


def effective(sizes: ArrayLike) -> float:
    """Return the effective number of clusters of these sizes, (Σ n)² / Σ n²; 0 if there are none.

    >>> effective([4, 4, 4]), effective([8, 1, 1])
    (3.0, 1.5151515151515151)
    """
    n = np.asarray(sizes, dtype=np.float64)
    return float(n.sum() ** 2 / (n @ n)) if n.any() else 0.0


def differences(
    measured: Mapping[str, Mapping[str, ReplicatedScalar]],
    pairs: Iterable[tuple[str, str]],
    level: float,
    units: int,
    effective_units: float | None = None,
) -> list[ScalarDifference]:
    """Return the comparisons of pairs of models in some scalars, as one family for Holm's correction.

    p is two-sided, for "no difference". Shares of replicates alone would be no finer than 1 / replicates, which is too
    coarse to survive the correction for many comparisons. Comparisons without an interval are left out.

    Args:
        measured: the values, by scalar and then by model.
        pairs: models to compare, the first minus the second.
        level: level of the intervals; the tests have the level 1 − level.
        units: number of sitters or folds that were resampled.
        effective_units: effective number of these; None: all count.
    """
    from scipy.special import stdtr, stdtrit

    count = float(units) if effective_units is None else min(effective_units, float(units))
    if units < FEWEST_UNITS or count < LEAST_EFFECTIVE:
        return []
    found = []
    for metric, by_model in measured.items():
        for a, b in pairs:
            if a not in by_model or b not in by_model:
                continue
            own = [e for e in (by_model[a].effective, by_model[b].effective) if e is not None]
            of_these = min([count, *own])
            if of_these < LEAST_EFFECTIVE:
                continue
            change = by_model[a].replicates - by_model[b].replicates
            bounds = interval(change, level, of_these, least=LEAST_EFFECTIVE)
            if bounds is None:
                continue
            difference = by_model[a].value - by_model[b].value
            error = float(np.nanstd(change) * np.sqrt(units / (units - 1)))
            reach = error * float(stdtrit(of_these - 1, (1 + level) / 2))
            low, high = min(bounds[0], difference - reach), max(bounds[1], difference + reach)
            p = float(2 * stdtr(of_these - 1, -abs(difference) / error)) if error > 0 else float(difference == 0)
            found.append((a, b, metric, difference, low, high, max(p, tested(change, of_these))))
    every = [ScalarDifference(*row, p=row[-1], significant=False, family=1) for row in found]
    return in_one_family(every, level)


def in_one_family(found: Sequence[ScalarDifference], level: float) -> list[ScalarDifference]:
    """Return comparisons with p-values that are corrected for all of them together.

    Args:
        found: comparisons, corrected or not.
        level: level of their intervals; the tests have the level 1 − level.
    """
    corrected = holm([d.p_uncorrected for d in found])
    return [
        replace(d, p=p, significant=p < 1 - level and not d.low <= 0 <= d.high, family=len(found))
        for d, p in zip(found, corrected, strict=True)
    ]


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p-values by Holm's step-down method: the r-th smallest of n times (n − r + 1), never falling, at most 1.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)) if len(p) else p
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(stepped, 1)
    return [float(c) for c in corrected]
