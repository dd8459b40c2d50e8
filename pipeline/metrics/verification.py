"""Verification error rates from genuine and impostor scores, with exact handling of ties (terms of ISO/IEC 19795-1).

A pair is accepted if its score is at least the threshold. There is an operating point at every distinct score: equal
scores are accepted together, never one before the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.core.numbers import Floats

# With N impostor pairs, a FAR means N × FAR falsely accepted pairs. If this is below 3, not even a threshold that
# accepts none of the pairs would show that the FAR is met (rule of 3: none in N means at most 3/N, at 95 %). If it is
# below 30, the FAR at the threshold is known to worse than ± 30 % (rule of 30, Doddington et al. 2000; both in ISO/IEC
# 19795-1).
FEWEST_ACCEPTS = 3
FIRM_ACCEPTS = 30


# Scores count as reversed if their AUC is this many standard errors below chance.
SURELY = 2.5


@dataclass(frozen=True)
class Tally:
    """Weight of genuine and of impostor pairs at each distinct score; arrays [k], scores descending."""

    scores: Floats
    genuine: Floats
    impostor: Floats


@dataclass(frozen=True)
class Roc:
    """Operating points [k + 1] from "accept none" (threshold +inf) to "accept all"; NaN if there are no pairs."""

    threshold: Floats
    far: Floats
    tar: Floats


def tally(
    genuine: ArrayLike,
    impostor: ArrayLike,
    genuine_weights: ArrayLike | None = None,
    impostor_weights: ArrayLike | None = None,
) -> Tally:
    """Count scores [n] and [m], each with its weight (default 1), at their distinct values.

    Raises:
        ValueError: a score is NaN.
    """
    g, i = np.asarray(genuine, dtype=np.float64), np.asarray(impostor, dtype=np.float64)
    if np.isnan(g).any() or np.isnan(i).any():
        raise ValueError("a score is NaN")
    ascending, inverse = np.unique(np.concatenate([g, i]), return_inverse=True)
    k = len(ascending)

    def count(where: NDArray[Any], weights: ArrayLike | None) -> Floats:
        w = None if weights is None else np.asarray(weights, dtype=np.float64)
        return np.bincount(where, w, minlength=k)[::-1].astype(np.float64)

    return Tally(ascending[::-1], count(inverse[: len(g)], genuine_weights), count(inverse[len(g) :], impostor_weights))


def roc(counts: Tally) -> Roc:
    """Return the ROC: the shares of impostor pairs (FAR) and of genuine pairs (TAR) at or above each distinct score.

    The points are the same as in `sklearn.metrics.roc_curve(…, drop_intermediate=False)`. The DET curve is FRR = 1 −
    TAR against FAR.
    """

    def rate(weights: Floats) -> Floats:
        accepted = np.concatenate([[0.0], np.cumsum(weights)])
        return accepted / accepted[-1] if accepted[-1] else np.full(len(accepted), np.nan)

    return Roc(np.concatenate([[np.inf], counts.scores]), rate(counts.impostor), rate(counts.genuine))


def auc(curve: Roc) -> float:
    """Return the area under the ROC by trapezoids: P(genuine > impostor) + P(equal) / 2."""
    return float(np.trapezoid(curve.tar, curve.far))


def reversed_by(area: float, genuine: int, impostor: int, units: int) -> str:
    """Return a message if genuine pairs score lower than impostor pairs, like distances; else empty.

    The standard error comes from the Mann-Whitney statistic of equal distributions. Pairs of one sitter depend on each
    other, so at most as many pairs count as there are sitters.

    Args:
        area: AUC.
        genuine, impostor: numbers of pairs.
        units: number of sitters.
    """
    n, m = min(genuine, units), min(impostor, units)
    if not n or not m or not 0.5 - area > SURELY * np.sqrt((n + m + 1) / (12 * n * m)):
        return ""
    return f"genuine pairs score lower than impostor pairs (AUC {area:.3f}; by chance it would be 0.5)"


def eer(curve: Roc) -> tuple[float, float]:
    """Return the equal error rate and its threshold.

    It is the rate at which FAR = FRR on the ROC with straight lines between operating points; its threshold is
    interpolated in the same way. (Others use the convex hull of the ROC, which never gives a higher value.) The result
    is (NaN, NaN) if there are no genuine or no impostor pairs.
    """
    excess = curve.far + curve.tar - 1  # FAR − FRR, from −1 to 1, never falling
    if np.isnan(excess).any():
        return float("nan"), float("nan")
    k = int(np.argmax(excess >= 0))
    share = excess[k - 1] / (excess[k - 1] - excess[k])
    low, high = (curve.threshold[j] if np.isfinite(curve.threshold[j]) else curve.threshold[k] for j in (k - 1, k))
    return float(curve.far[k - 1] + share * (curve.far[k] - curve.far[k - 1])), float(low + share * (high - low))


def tar_at_far(curve: Roc, far: float) -> tuple[float, float]:
    """Return the highest TAR with a FAR of at most `far`, and its threshold, without interpolation."""
    if np.isnan(curve.far[-1]) or np.isnan(curve.tar[-1]):
        return float("nan"), float("nan")
    k = int(np.searchsorted(curve.far, far, side="right")) - 1
    return float(curve.tar[k]), float(curve.threshold[k])


def d_prime(counts: Tally) -> float:
    """Return d′ = (mean genuine − mean impostor) / √((variance genuine + variance impostor) / 2); NaN if undefined."""

    def moments(weights: Floats) -> tuple[float, float]:
        if not weights.sum():
            return float("nan"), float("nan")
        mean = float(np.average(offsets, weights=weights))
        return mean, float(np.average((offsets - mean) ** 2, weights=weights))

    # Differences are exact; a mean of scores near 1e9 would lose the small differences between them.
    offsets = counts.scores - counts.scores[len(counts.scores) // 2] if len(counts.scores) else counts.scores

    (g, var_g), (i, var_i) = moments(counts.genuine), moments(counts.impostor)
    spread = np.sqrt((var_g + var_i) / 2)
    return float((g - i) / spread) if spread > 0 else float("nan")


def support(impostors: float, far: float, what: str = "impostor pairs") -> tuple[bool, str]:
    """Return whether this many impostor pairs can support a FAR, and a message if they cannot, or only just.

    They cannot if fewer than 3 of them correspond to the FAR (rule of 3); fewer than 30 are few (rule of 30).
    """
    accepts = impostors * far * (1 + 1e-9)  # 3,000 pairs do support 0.001
    rate = np.format_float_positional(far, trim="-")
    if accepts < FEWEST_ACCEPTS:
        needed = int(np.ceil(FEWEST_ACCEPTS / far * (1 - 1e-9)))
        return False, f"{impostors:,.0f} {what} cannot support a FAR of {rate}: it takes at least {needed:,}"
    if accepts < FIRM_ACCEPTS:
        return True, f"a FAR of {rate} rests on {int(accepts)} of {impostors:,.0f} {what}"
    return True, ""


def thin(curve: Roc, points: int = 400) -> Roc:
    """Return at most `points` operating points that give the same curve on linear, logarithmic and probit axes.

    Half of them are spread evenly over log FAR, half evenly over TAR; the first and the last are always kept.
    """
    if len(curve.far) <= points or np.isnan(curve.far[-1]) or np.isnan(curve.tar[-1]):
        return curve
    least = curve.far[curve.far > 0].min()
    by_far = np.searchsorted(curve.far, np.geomspace(least, 1, points // 2 - 1), side="right") - 1
    by_tar = np.searchsorted(curve.tar, np.linspace(0, 1, points - points // 2 - 1))
    keep = np.unique(np.concatenate([[0], by_far, by_tar, [len(curve.far) - 1]]))
    return Roc(curve.threshold[keep], curve.far[keep], curve.tar[keep])
