"""Rates of identification in bootstrap replicates: other sitters as probes, and other sitters in the gallery.

The sitter that a search returns depends on who is in the gallery. A replicate draws the probes' sitters; their searches
count as often as they were drawn, and the threshold of a FAR is found again. The gallery cannot be drawn in the same
way: two copies of a sitter are not two sitters, and without the sitters that are not drawn, the gallery would be
smaller and the search easier. So the effect of each gallery sitter on a rate is found by removing this sitter (the
jackknife; Efron & Stein 1981). A replicate adds the effects, minus their mean, of the sitters that it draws more or
less than once.

Variance that lies in a pair of sitters is thus counted with both of them. Its share, found by removing pairs, is
subtracted once, as in the variance for dyads (Aronow, Samii & Assenova 2015).

How well this variance is known depends on the number of sitters behind it: if a threshold rests on few of them, there
are few degrees of freedom. They are estimated from the kurtosis of the sitters' influences (Satterthwaite 1946).

With a fixed gallery, intervals would be too short and tests would reject too often: if a few sitters are mistaken for
many probes, and at a threshold that rests on few false alarms. Two sitters that are mistaken for each other give two
false alarms, but are one chance event (`benchmarks/identification_test.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.numbers import Floats, Ints
from pipeline.metrics.intervals import CHUNK

DrawnUnits = Iterable[NDArray[np.int32]]


@dataclass(frozen=True)
class Rate:
    """A rate, and the sources of its variance."""

    drawn: Callable[[NDArray[np.int32]], Floats]
    """Returns the rate for probes drawn [rows, units] times, in the unchanged gallery."""
    effects: Floats
    """[units], what a further copy of each unit in the gallery would add to the rate."""
    pairs: float
    """Variance that lies in pairs of units."""
    influence: Floats
    """[units], what a further copy of each unit, as probe and in the gallery, would add to the rate."""

    @property
    def effective(self) -> float:
        """The number of equal units from which the variance would be known as well: its degrees of freedom plus 1."""
        centred = self.influence - self.influence.mean()
        square = float(centred @ centred)
        if square == 0:
            return float(len(centred))
        quartic = float((centred**2) @ (centred**2)) / square**2
        return 1 + 2 / max(quartic - 1 / len(centred), 1e-9)

    def value(self) -> float:
        """Return the rate itself."""
        return float(self.drawn(np.ones((1, len(self.effects)), np.int32))[0])


def replicates(rates: Mapping[str, Rate], drawn: DrawnUnits) -> dict[str, Floats]:
    """Return the rates in each replicate, for other probes and another gallery.

    Args:
        rates: the rates by name.
        drawn: how often each unit is drawn, [r, units], in chunks of replicates.
    """
    parts: dict[str, list[tuple[Floats, Floats]]] = {name: [] for name in rates}
    for m in drawn:
        for name, rate in rates.items():
            parts[name].append((rate.drawn(m), (m - 1.0) @ rate.effects))
    return {
        name: _combined(rates[name], *(np.concatenate(sides) for sides in zip(*of_one, strict=True)))
        for name, of_one in parts.items()
    }


def _combined(rate: Rate, probes: Floats, gallery: Floats) -> Floats:
    """Return the rate in each replicate, from the rate of its probes and the effect of its gallery."""
    every = probes + gallery
    total, least = float(np.nanvar(every)), float(np.nanvar(probes))
    share = np.sqrt(max(total - rate.pairs, min(least, total)) / total) if total > 0 else 0.0
    value = rate.value()
    return np.clip(value + share * (every - value), 0, 1)


@dataclass(frozen=True)
class SearchOutcomes:
    """One search of the gallery for each probe; arrays [probes] unless stated. Units are sitters, the probes' first."""

    units: int
    """Number of sitters of the probes and of the gallery."""
    probe_units: int
    """Number of sitters of the probes."""
    enrolled: NDArray[np.bool_]
    """[units], whether a unit is in the gallery."""
    sitter: Ints
    """Unit of the probe."""
    rank: Ints
    """Rank of the probe's own sitter among the gallery's sitters, after equals; 0 if it is not in the gallery."""
    position: Ints
    """The rank for rates: the same or, if ranks count images, the rank of its own sitter's best image, after equals."""
    own: Floats
    """Score of its own sitter; −inf if it is not in the gallery."""
    foremost_other: Floats
    """Score of the best other sitter; −inf if there is none."""
    foremost: Ints
    """Unit of the best other sitter; −1 if there is none."""
    second_other: Floats
    """Score of the second-best other sitter; −inf if there is none."""
    ahead: Mapping[int, Any]
    """For each rank k, a sparse array [units, units] that counts, by the probe's unit, how often each unit is ahead of
    the probe's own sitter, if the own sitter would be at rank k or better without this unit."""
    precision: Floats = field(default_factory=lambda: np.zeros(0))
    """Average precision of each search over the gallery's images, if it was asked for; NaN without a mate."""


def rank_rate(found: SearchOutcomes, mated: NDArray[np.bool_], k: int) -> Rate:
    """Return the share of the `mated` probes with their sitter among the k best."""
    hits, every = (
        np.bincount(found.sitter[chosen], minlength=found.units)
        for chosen in (mated & (found.position > 0) & (found.position <= k), mated)
    )

    def rate(drawn: NDArray[np.int32]) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):
            shares: Floats = (drawn @ hits) / (drawn @ every)
        return shares

    ahead = found.ahead[k]
    by_unit = np.asarray(ahead.sum(axis=0)).ravel() / mated.sum()
    both = (ahead + ahead.T).tocsr()  # two units that are mistaken for each other
    pairs = float((both.data**2).sum() / 2 / mated.sum() ** 2)
    effects = _centred(found, by_unit)
    return Rate(rate, effects, pairs, effects + (hits - hits.sum() / mated.sum() * every) / mated.sum())


def dir_rate(found: SearchOutcomes, mated: NDArray[np.bool_], rivals: NDArray[np.bool_], far: float) -> Rate:
    """Return the share of the `mated` probes with their sitter first and above the threshold for a FAR of `rivals`."""

    def rate(drawn: NDArray[np.int32]) -> Floats:
        values = np.empty(len(drawn))
        size = max(1, CHUNK // len(mated))
        for start in range(0, len(drawn), size):
            w = drawn[start : start + size][:, found.sitter].astype(np.float64)
            limit = threshold(found.foremost_other[rivals], w[:, rivals], far)
            hit = (mated & (found.rank == 1))[None] & (found.own[None] > limit[:, None])
            with np.errstate(invalid="ignore", divide="ignore"):
                values[start : start + size] = (w * hit).sum(axis=1) / (w @ mated)
        return values

    by_unit, pairs = _removals(found, mated, rivals, far)
    effects = _centred(found, by_unit)
    return Rate(rate, effects, pairs, effects + _copies(found, mated, rivals, far, rate))


def _copies(
    found: SearchOutcomes,
    mated: NDArray[np.bool_],
    rivals: NDArray[np.bool_],
    far: float,
    rate: Callable[[NDArray[np.int32]], Floats],
) -> Floats:
    """Return what a further copy of each unit as a probe adds to DIR: [units]."""
    limit = threshold(found.foremost_other[rivals], np.ones((1, int(rivals.sum()))), far)[0]
    hit = mated & (found.rank == 1) & (found.own > limit)
    hits, every = (np.bincount(found.sitter[chosen], minlength=found.units) for chosen in (hit, mated))
    added: Floats = (hits - hits.sum() / every.sum() * every) / every.sum()
    holding = np.unique(found.sitter[rivals & (found.foremost_other >= limit)])  # the threshold moves with these, too
    size = max(1, CHUNK // found.units)
    for start in range(0, len(holding), size):
        some = holding[start : start + size]
        twice = np.ones((len(some), found.units), np.int32)
        twice[np.arange(len(some)), some] = 2
        added[some] = rate(twice) - hits.sum() / every.sum()
    return added


def threshold(rivals: Floats, weight: Floats, far: float) -> Floats:
    """Return in each row the score that must be exceeded so that the share of accepted rival scores is at most `far`.

    Args:
        rivals: [n], scores.
        weight: [rows, n], their weights.
        far: the FAR.
    """
    order = np.argsort(-rivals, kind="stable")
    scores = rivals[order]
    # Equal scores are accepted together, so each counts with the weight up to the last of its equals.
    last = np.searchsorted(-scores, -scores, side="right") - 1
    accepted = np.cumsum(weight[:, order], axis=1)
    too_many = accepted[:, last] > far * (1 + 1e-12) * accepted[:, -1:]
    limit: Floats = np.where(too_many.any(axis=1), scores[np.argmax(too_many, axis=1)], -np.inf)
    return limit


def _removals(
    found: SearchOutcomes, mated: NDArray[np.bool_], rivals: NDArray[np.bool_], far: float
) -> tuple[Floats, float]:
    """Return the change of DIR when a unit is removed from the gallery, [units], and the variance that lies in pairs.

    If the removed unit is the only one ahead of a probe's own sitter, the probe becomes a hit; if it holds the
    threshold up, the threshold falls. For pairs, each unit is removed from the gallery only for the other unit's
    probes.
    """
    scores, one = found.foremost_other[rivals], np.ones((1, int(rivals.sum())))
    limit = threshold(scores, one, far)[0]
    first, second = mated & (found.rank == 1), mated & (found.rank == 2)
    hits, count = int((first & (found.own > limit)).sum()), int(mated.sum())

    def without(gone: NDArray[np.bool_]) -> int:
        """Return how many more hits there are if these probes do not meet their best other sitter."""
        lower = threshold(np.where(gone, found.second_other, found.foremost_other)[rivals], one, far)[0]
        return int(((first | (second & gone)) & (found.own > lower)).sum()) - hits

    freed = second & (found.own > limit)
    holding = rivals & (found.foremost_other >= limit)
    by_unit = np.bincount(found.foremost[freed], minlength=found.units).astype(np.float64)
    for unit in np.unique(found.foremost[holding]):
        by_unit[unit] = without(found.foremost == unit)
    low, high = np.minimum(found.sitter, found.foremost), np.maximum(found.sitter, found.foremost)
    key = low * found.units + high
    by_pair = dict(zip(*np.unique(key[freed], return_counts=True), strict=True))
    by_pair |= {pair: without(key == pair) for pair in np.unique(key[holding])}
    return by_unit / count, float(sum(float(n) ** 2 for n in by_pair.values()) / count**2)


def _centred(found: SearchOutcomes, change: Floats) -> Floats:
    """Return what a copy of each unit adds to a rate, from the changes by removal [units]; 0 outside the gallery."""
    effects = np.zeros(found.units)
    effects[found.enrolled] = change[found.enrolled].mean() - change[found.enrolled]
    return effects
