"""How good the candidate lists are: the same searches for portraits of known sitters.

Each portrait is asked about twice: with its sitter in the gallery, where the sitter is the right answer, and without,
where "none of these" is. Searches of the first sort have the prior of the question as their weight, the others the
rest. So the posteriors of the lists can be compared with how often they were right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from pipeline.core.numbers import Floats, Ints
from pipeline.identification.evidence import Evidence, equal, places, posteriors
from pipeline.identification.search import Searches
from pipeline.identification.verbal import STEPS
from pipeline.store.candidates import NONE

LOG10 = float(np.log(10))
LEVEL = 0.95


@dataclass(frozen=True)
class CalibratedCell:
    """Candidates of the same rank with about the same ratio, and how often they were right."""

    rank: int
    """The rank from 1; 0: "none of these"."""
    band: str
    """The range of the ratio, as `band` names it; empty: all ratios."""
    searches: int
    sitters: int
    claimed: float
    """Mean posterior."""
    observed: float
    """Share of the candidates that were right."""
    low: float
    high: float
    """Wilson's interval of the observed share, for the effective number of sitters."""


@dataclass(frozen=True)
class KnownSearches:
    """The results of the searches for known portraits."""

    cells: list[CalibratedCell]
    first: tuple[float, float, float, int]
    """Of the portraits with their sitter in the gallery, the share with the right sitter first; the two ends of its
    interval; and the number of these portraits."""
    among: tuple[float, float, float, int]
    """The same for the right sitter anywhere among the listed candidates."""

    def of(self, rank: int, log10_lr: float) -> CalibratedCell | None:
        """Return the cell of a candidate; None if no known candidate was like it."""
        return next((cell for cell in self.cells if cell.rank == rank and cell.band == band(log10_lr)), None)


def band(log10_lr: float) -> str:
    """Return the range that a ratio falls into, by the steps of forensic reports.

    >>> band(0.4), band(1.2), band(-3.0)
    ('2 to 10', '10 to 100', 'below 1/1,000')
    """
    if log10_lr < -3 + 1e-9:
        return "below 1/1,000"
    if log10_lr < 0:
        return "1/1,000 to 1"
    lower = 1
    for upper, _ in STEPS:
        if 10**log10_lr < upper:
            return f"{lower:,} to {upper:,}" if np.isfinite(upper) else f"{lower:,} and more"
        lower = int(upper)
    raise AssertionError(log10_lr)


def foremost(scores: Floats, llr: Floats | None, k: int) -> Ints:
    """Return the k likeliest sitters [p, k] of each probe, the likeliest first: by ratio, then by score, then by name.

    Args:
        scores, llr: [p, s]; without ratios, by score alone.
        k: how many; where there are fewer sitters, all.
    """
    likely = scores if llr is None else llr
    k = min(k, likely.shape[1])
    found = np.empty((len(likely), k), dtype=np.int64)
    for row, values in enumerate(likely):
        least = np.partition(values, len(values) - k)[len(values) - k] if k else np.inf
        some = np.flatnonzero(values >= least)  # those that are equal to the last of the k, too
        found[row] = some[np.lexsort((-scores[row, some], -values[some]))[:k]]
    return found


def ahead(scores: Floats, llr: Floats | None, mine: Ints) -> Ints:
    """Return how many sitters [p] come before one in the order of `foremost`.

    Args:
        scores, llr: [p, s] as there.
        mine: [p] the place of that sitter.
    """
    likely = scores if llr is None else llr
    rows, before = np.arange(len(mine)), np.arange(likely.shape[1]) < mine[:, None]
    own, score = likely[rows, mine][:, None], scores[rows, mine][:, None]
    first = (scores > score) | ((scores == score) & before)
    found: Ints = ((likely > own) | ((likely == own) & first)).sum(axis=1)
    return found


def judge(
    searches: Searches, own: Sequence[str], evidence: Evidence | None, prior: float, candidates: int
) -> KnownSearches:
    """Return how often candidates were right in searches for portraits of known sitters.

    Args:
        searches: the searches for p portraits, each without its own picture.
        own: the sitters of these portraits.
        evidence: the evidence of these searches; None if there are no likelihood ratios, and then there are no cells.
        prior: probability that the sitter is in the gallery.
        candidates: number of candidates in a list.
    """
    mine = places(own, searches.sitters)
    mated = (mine >= 0) & np.isfinite(searches.scores[np.arange(len(own)), np.maximum(mine, 0)])
    _, who = np.unique(np.asarray(own, dtype=str), return_inverse=True)
    scores, llr = (searches.scores, None) if evidence is None else (evidence.scores, evidence.llr)
    place = ahead(scores, llr, np.maximum(mine, 0))
    alike = equal([name for name, there in zip(own, mated, strict=True) if there])
    first, among = ((*share(place[mated] < k, alike, who[mated]), int(mated.sum())) for k in (1, candidates))
    cells = [] if evidence is None else _cells(own, mine, mated, who, evidence, prior, candidates)
    return KnownSearches(cells, first, among)


def _cells(
    own: Sequence[str],
    mine: Ints,
    mated: NDArray[np.bool_],
    who: Ints,
    evidence: Evidence,
    prior: float,
    candidates: int,
) -> list[CalibratedCell]:
    """Return the cells of both sorts of searches together: by rank and ratio, and by rank alone."""
    without = evidence.llr.copy()
    without[np.flatnonzero(mine >= 0), mine[mine >= 0]] = -np.inf
    alone = np.asarray(np.isfinite(without).any(axis=1))
    sorts: list[tuple[Floats, NDArray[np.bool_], float]] = [(evidence.llr, mated, prior), (without, alone, 1 - prior)]
    columns: dict[tuple[int, str], list[tuple[float, float, bool, int]]] = {}
    for sort, (ratios, chosen, part) in enumerate(sorts):
        weights = np.zeros(len(own))
        weights[chosen] = equal([name for name, there in zip(own, chosen.tolist(), strict=True) if there])
        weights *= part / max(weights.sum(), 1e-300)
        thought = posteriors(ratios, prior)
        ranked = foremost(np.where(np.isfinite(ratios), evidence.scores, -np.inf), ratios, candidates)
        for row in np.flatnonzero(chosen):
            every = [
                (rank, ratios[row, n] / LOG10, thought.candidates[row, n], sort == 0 and n == mine[row])
                for rank, n in enumerate(ranked[row], start=1)
                if np.isfinite(ratios[row, n])
            ]
            every.append((NONE, thought.none_llr[row] / LOG10, thought.none[row], sort == 1))
            for rank, log10_lr, posterior, right in every:
                for name in (band(log10_lr), ""):
                    columns.setdefault((rank, name), []).append((weights[row], posterior, bool(right), int(who[row])))
    cells = []
    for (rank, name), entries in columns.items():
        weights, claimed, right, units = (np.array(values) for values in zip(*entries, strict=True))
        observed, low, high = share(right, weights, units)
        mean = float(np.average(claimed, weights=weights))
        cells.append(CalibratedCell(rank, name, len(entries), len(set(units.tolist())), mean, observed, low, high))
    return sorted(cells, key=lambda cell: (cell.rank or 10**6, cell.band != "", _least(cell.band)))


def _least(name: str) -> float:
    """Return a key that sorts bands, the strongest first."""
    if not name or name.startswith("below"):
        return 1.0
    head = name.split(" ")[0]
    return -float(head.replace(",", "")) if "/" not in head else 0.5


def share(right: NDArray[np.bool_], weights: Floats, units: Ints) -> tuple[float, float, float]:
    """Return a weighted share and its 95 % interval by Wilson's formula, for the effective number of units.

    Searches for one sitter's portraits depend on each other. So the effective number is (Σ W)² / Σ W², where W is the
    total weight of each sitter's searches (Kish 1965). All three are NaN if there are no searches.
    """
    if not len(right):
        return float("nan"), float("nan"), float("nan")
    observed = float(np.average(right, weights=weights))
    of_each = np.bincount(units, weights)
    n = float(of_each.sum() ** 2 / (of_each**2).sum())
    z = NormalDist().inv_cdf((1 + LEVEL) / 2)
    middle = (observed + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(observed * (1 - observed) / n + z * z / (4 * n * n))
    return observed, max(0.0, middle - half), min(1.0, middle + half)
