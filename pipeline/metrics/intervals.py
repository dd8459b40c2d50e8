"""Confidence intervals and paired tests by bootstrap over sitters.

Pairs are not independent, because one sitter's images are in hundreds of pairs. So whole sitters are resampled (the
subset bootstrap of Bolle, Ratha & Pankanti 2004; for impostor pairs, in which both sitters are random, as in Poh &
Bengio 2007). A replicate draws as many sitters as there are, with replacement. If sitter s is drawn m_s times, a
genuine pair of s counts m_s times, and an impostor pair of s and t counts m_s · m_t times. (Pairs of two copies of one
sitter would be neither genuine nor impostor; they are left out.)

All models are evaluated on the same replicates, so that the difference between two models is estimated on the same
pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.numbers import Floats, Ints

Points = NDArray[np.intp]

# Number of weights in memory at once, in one chunk of replicates.
CHUNK = 4_000_000
# With fewer units than this, resampling them says almost nothing.
FEWEST_UNITS = 5


def draws(units: int, replicates: int, seed: int, further: int = 0) -> Iterator[NDArray[np.int32]]:
    """Yield the rows of `resample` in chunks, because units times replicates may be too many for memory.

    Args:
        units, replicates, seed: as for `resample`.
        further: number of units of another sort (gallery-only sitters), which are drawn separately and come last.
    """
    rng, other = np.random.default_rng([seed, units, replicates]), np.random.default_rng([seed, further, replicates, 1])
    size = max(1, CHUNK // max(1, units + further))
    for start in range(0, replicates, size):
        count = min(size, replicates - start)
        found = rng.multinomial(units, np.full(units, 1 / units), size=count).astype(np.int32)
        if further:
            more = other.multinomial(further, np.full(further, 1 / further), size=count).astype(np.int32)
            found = np.concatenate([found, more], axis=1)
        yield found


def resample(units: int, replicates: int, seed: int) -> NDArray[np.int32]:
    """Return how often each of `units` is drawn in each replicate: [replicates, units] with row sums `units`."""
    found = np.empty((replicates, units), dtype=np.int32)
    done = 0
    for part in draws(units, replicates, seed):
        found[done : done + len(part)] = part
        done += len(part)
    return found


@dataclass(frozen=True)
class ScoredPairs:
    """Every pair with its score and the sitters (0 … sitters − 1) that it depends on; arrays [g] and [i]."""

    genuine: Floats
    genuine_sitter: NDArray[np.int32]
    impostor: Floats
    impostor_a: NDArray[np.int32]
    impostor_b: NDArray[np.int32]
    sitters: int


def verification_replicates(
    pairs: ScoredPairs, drawn: Iterable[NDArray[np.int32]], far: Sequence[float]
) -> dict[str, Floats]:
    """Return EER, TAR at each FAR and d′ in each replicate, exactly as from the replicate's own list of pairs.

    Scores are sorted once. A replicate is then a running sum of weights in this order, and its operating points are
    found by bisection. Memory grows with the pairs and with the sitters, never with their product.

    Args:
        pairs: the pairs of the whole set.
        drawn: how often each sitter is drawn, [r, sitters], in chunks of replicates.
        far: FARs at which TAR is wanted.

    Returns:
        `eer` and `d_prime` [replicates], `tar` [replicates, len(far)]; NaN in a replicate without genuine or without
        impostor pairs.
    """
    order_g, order_i = np.argsort(-pairs.genuine, kind="stable"), np.argsort(-pairs.impostor, kind="stable")
    g, i = pairs.genuine[order_g], pairs.impostor[order_i]
    sitter, a, b = pairs.genuine_sitter[order_g], pairs.impostor_a[order_i], pairs.impostor_b[order_i]
    thresholds = np.unique(np.concatenate([g, i]))[::-1]
    # The number of accepted pairs at each operating point, starting with "none".
    upto_g = np.concatenate([[0], np.searchsorted(-g, -thresholds, side="right")])
    upto_i = np.concatenate([[0], np.searchsorted(-i, -thresholds, side="right")])
    last = len(thresholds)
    moments = _Moments.of(pairs)
    found: dict[str, list[Floats]] = {"eer": [], "tar": [], "d_prime": []}
    size = max(1, CHUNK // max(1, len(i) + len(g)))
    for m in (part[start : start + size] for part in drawn for start in range(0, len(part), size)):
        eers, tars = np.full(len(m), np.nan), np.full((len(m), len(far)), np.nan)
        sum_g = _running(np.take(m, sitter, axis=1))
        sum_i = _running(np.take(m, a, axis=1) * np.take(m, b, axis=1))
        whole = np.flatnonzero((sum_g[:, -1] > 0) & (sum_i[:, -1] > 0))
        rates_g = partial(_rate, sum_g, whole, upto_g)
        rates_i = partial(_rate, sum_i, whole, upto_i)
        k = _first(partial(_crossed, rates_g, rates_i), len(whole), last)
        before, after = (rates_i(j) + rates_g(j) - 1 for j in (k - 1, k))
        eers[whole] = rates_i(k - 1) + before / (before - after) * (rates_i(k) - rates_i(k - 1))
        for column, target in enumerate(far):
            above = _first(partial(_exceeds, rates_i, target), len(whole), last + 1)
            tars[whole, column] = rates_g(above - 1)
        for name, values in (("eer", eers), ("tar", tars), ("d_prime", moments.d_prime(m))):
            found[name].append(values)
    return {name: np.concatenate(values) for name, values in found.items()}


def _running(weights: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return running sums [c, n + 1] of weights [c, n], starting with 0."""
    sums = np.zeros((weights.shape[0], weights.shape[1] + 1), dtype=np.int64)
    np.cumsum(weights, axis=1, out=sums[:, 1:])
    return sums


def _rate(sums: Ints, rows: Points, upto: Points, k: Points) -> Floats:
    """Return the share of the weight that each row accepts at its operating point k."""
    share: Floats = sums[rows, upto[k]] / sums[rows, -1]
    return share


def _crossed(tar: Callable[[Points], Floats], far: Callable[[Points], Floats], k: Points) -> NDArray[np.bool_]:
    return far(k) + tar(k) - 1 >= 0


def _exceeds(far: Callable[[Points], Floats], target: float, k: Points) -> NDArray[np.bool_]:
    return far(k) > target


def _first(true: Callable[[Points], NDArray[np.bool_]], rows: int, end: int) -> Points:
    """Return in each row the first k of 1 … `end` that is `true`. It stays true from there, and is assumed at `end`."""
    low, high = np.zeros(rows, dtype=np.intp), np.full(rows, end, dtype=np.intp)  # low is false, high is true
    while (high - low > 1).any():
        middle = (low + high) // 2
        yes = true(middle)
        low, high = np.where(yes, low, middle), np.where(yes, middle, high)
    return high


@dataclass(frozen=True)
class _Moments:
    """Number, sum and sum of squares of the scores, minus their mean, by sitter and by pair of sitters."""

    by_sitter: Floats
    """[sitters, 3], for genuine pairs."""
    by_two: Sequence[Any]
    """Three sparse matrices [sitters, sitters], for impostor pairs."""

    @staticmethod
    def of(pairs: ScoredPairs) -> _Moments:
        from scipy.sparse import coo_array

        n = pairs.sitters
        centre = float(np.mean(pairs.impostor)) if len(pairs.impostor) else 0.0  # keeps the squares well conditioned
        off_g, off_i = pairs.genuine - centre, pairs.impostor - centre
        sums = [np.bincount(pairs.genuine_sitter, off_g**p, minlength=n) for p in range(3)]
        by_sitter = np.stack(sums, axis=1).astype(np.float64)
        cells = (pairs.impostor_a, pairs.impostor_b)
        return _Moments(by_sitter, [coo_array((off_i**p, cells), shape=(n, n)).tocsr() for p in range(3)])

    def d_prime(self, drawn: NDArray[np.int32]) -> Floats:
        """Return d′ in each replicate of [r, sitters]; NaN if undefined."""
        m = drawn.astype(np.float64)
        count_g, sum_g, square_g = (m @ self.by_sitter).T
        transposed = np.ascontiguousarray(m.T)
        count_i, sum_i, square_i = (np.einsum("rs,sr->r", m, cells @ transposed) for cells in self.by_two)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean_g, mean_i = sum_g / count_g, sum_i / count_i
            variance = (square_g / count_g - mean_g**2 + square_i / count_i - mean_i**2) / 2
            spreads: Floats = np.where(variance > 0, (mean_g - mean_i) / np.sqrt(variance), np.nan)
        return spreads


def interval(replicates: Floats, level: float, units: float, least: float = FEWEST_UNITS) -> tuple[float, float] | None:
    """Return the percentile interval at `level`, widened for the number of units that were resampled.

    The bootstrap's standard deviation is too small by √((n − 1) / n), and its distribution is normal instead of
    Student's t. So more extreme percentiles are used, such that the interval for a mean would be the t interval
    (Hesterberg 2015, "What teachers should know about the bootstrap": the expanded percentile interval).

    `units` may be an effective number. Return None if there are fewer units than `least` (5), or if more than a tenth
    of the replicates are undefined.
    """
    from scipy.special import ndtr, stdtrit  # scipy.stats calls these, but its import takes half a second more

    known = replicates[np.isfinite(replicates)]
    if units < least or len(known) < 0.9 * len(replicates):
        return None
    tail = ndtr(-np.sqrt(units / (units - 1)) * stdtrit(units - 1, (1 + level) / 2))
    low, high = np.quantile(known, [tail, 1 - tail])
    return float(low), float(high)


def tested(replicates: Floats, units: float) -> float:
    """Return the p-value that belongs to `interval`: the least 1 − level at which the interval does not contain zero.

    It is 0 if all replicates lie on one side, which only says that p is small.

    Args:
        replicates: replicates of a difference.
        units: as for `interval`.
    """
    from scipy.special import ndtri, stdtr

    known = np.sort(replicates[np.isfinite(replicates)])
    share = max(min(_below(known), _below(-known[::-1])), 0.0)
    if share == 0:
        return 0.0
    return float(min(1.0, 2 * stdtr(units - 1, ndtri(share) / np.sqrt(units / (units - 1)))))


def _below(known: Floats) -> float:
    """Return the greatest share with a quantile (interpolated as in `np.quantile`) that is not above zero."""
    count = int(np.searchsorted(known, 0, side="right"))
    if count in (0, len(known)):
        return float(count > 0)
    step = -known[count - 1] / (known[count] - known[count - 1])
    return float((count - 1 + step) / (len(known) - 1))


def share_interval(
    value: float, replicates: Floats, level: float, units: float, least: float = FEWEST_UNITS
) -> tuple[float, float] | None:
    """Return the interval of a share that may be near 0 or 1: the percentile interval joined with Wilson's.

    Wilson's interval (1927) is for a share of n independent cases; n is chosen so that the variance equals the
    bootstrap's (Korn & Graubard 1998, for surveys by clusters). Percentiles alone do not reach far enough on the side
    towards one half.

    Args:
        value: the share.
        replicates, level, units, least: as for `interval`.
    """
    from scipy.special import stdtrit

    bounds = interval(replicates, level, units, least)
    if bounds is None:
        return None
    variance = float(np.nanvar(replicates)) * units / (units - 1)
    z2 = float(stdtrit(units - 1, (1 + level) / 2)) ** 2
    count = value * (1 - value) / variance if variance > 0 and 0 < value < 1 else units
    middle, width = value + z2 / (2 * count), np.sqrt(z2 * (value * (1 - value) / count + z2 / (4 * count**2)))
    low, high = ((middle + sign * width) / (1 + z2 / count) for sign in (-1, 1))
    return float(max(0.0, min(low, bounds[0]))), float(min(1.0, max(high, bounds[1])))
