"""Pairs of large sets, counted by groups of sitters and levels of the score, and their bootstrap replicates.

If there are too many pairs for a replicate to go through each, the sitters are dealt at random into at most 128 groups,
which are resampled in place of sitters. The pairs are counted by their two groups and by one of about 500 levels of the
score, which are dense where the FAR is small.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.numbers import Floats, Ints
from pipeline.metrics.bins import bin_of, fitted
from pipeline.metrics.intervals import CHUNK, ScoredPairs
from pipeline.metrics.verification import Tally, d_prime, eer, roc, tar_at_far

GROUPS = 128


def dealt(sitters: int, rng: np.random.Generator) -> Ints:
    """Return the group of each sitter, [sitters], dealt at random into groups of nearly equal size."""
    group_of = np.empty(sitters, dtype=np.int64)
    group_of[rng.permutation(sitters)] = np.arange(sitters) % min(GROUPS, sitters)
    return group_of


@dataclass(frozen=True)
class Levelled:
    """Pairs counted by groups of sitters and levels of the score."""

    scores: Floats
    """[levels], lowest score of each level, ascending."""
    genuine: Ints
    """[groups, levels], number of genuine pairs by the sitter's group."""
    impostor: Ints
    """[groups, groups, levels], number of impostor pairs by both groups."""


def levelled(pairs: ScoredPairs, rng: np.random.Generator) -> Levelled:
    """Count scored pairs by group and level; they need not be all pairs of their sitters.

    Args:
        pairs: at least one genuine and one impostor pair.
        rng: random numbers to deal the sitters.
    """
    ascending = np.sort(pairs.genuine), np.sort(pairs.impostor)
    low, high = (float(end(part[place] for part in ascending)) for end, place in ((min, 0), (max, -1)))
    bins = fitted(*ascending, low, high)
    edges = level_edges(bin_of(bins, ascending[0]), bin_of(bins, ascending[1]), len(bins))
    group_of, levels = dealt(pairs.sitters, rng), len(edges)
    groups = int(group_of.max()) + 1

    def level(scores: Floats) -> Ints:
        return np.searchsorted(edges, bin_of(bins, scores), side="right") - 1

    genuine = np.bincount(group_of[pairs.genuine_sitter] * levels + level(pairs.genuine), minlength=groups * levels)
    cell = group_of[pairs.impostor_a] * groups + group_of[pairs.impostor_b]
    impostor = np.bincount(cell * levels + level(pairs.impostor), minlength=groups * groups * levels)
    return Levelled(bins.edges[edges], genuine.reshape(groups, levels), impostor.reshape(groups, groups, levels))


def level_edges(genuine: Ints, impostor: Ints, bins: int) -> Ints:
    """Return the lowest bins of the levels: a sample's quantiles, spread evenly over log FAR, over FAR and over TAR.

    Args:
        genuine, impostor: bins of sampled pairs, ascending.
        bins: number of bins.
    """
    chosen = [np.array([0]), genuine[:: max(1, len(genuine) // 150)]]
    if len(impostor):
        ranks = np.concatenate([np.geomspace(1, len(impostor), 300), np.linspace(1, len(impostor), 100)])
        found = impostor[len(impostor) - ranks.astype(np.intp)]
        chosen += [found, np.linspace(found[0], bins - 1, 64).astype(np.int64)]
    return np.unique(np.concatenate(chosen))


def level_replicates(
    scores: Floats,
    genuine: Ints,
    impostor: Ints,
    drawn: NDArray[np.int32],
    far: Sequence[float],
    whole: Tally,
    spread: float,
) -> dict[str, Floats]:
    """Return the same as `intervals.verification_replicates`, from pairs counted by groups and levels.

    In a replicate, the rates at the edges of levels are exact; between edges the ROC is assumed to be straight. The
    error that this makes on the whole set, for which the fine histogram is known, is subtracted from each replicate.

    Args:
        scores: [levels], lowest score of each level, ascending.
        genuine: [groups, levels], genuine pairs by the sitter's group.
        impostor: [groups, groups, levels], impostor pairs by both groups.
        drawn: [replicates, groups], how often each group is drawn.
        far: FARs at which TAR is wanted.
        whole: the fine histogram of the whole set.
        spread: d′ of the whole set.
    """
    groups, levels = genuine.shape
    drawn = np.concatenate([np.ones((1, groups), dtype=np.int32), drawn])  # the first: the set itself
    genuine_at = drawn @ genuine
    impostor_at = np.empty((len(drawn), levels))
    cells, same = impostor.reshape(groups * groups, levels).astype(np.float64), np.arange(groups)
    size = max(1, CHUNK // (groups * groups))
    for start in range(0, len(drawn), size):
        m = drawn[start : start + size].astype(np.float64)
        weights = m[:, :, None] * m[:, None]
        weights[:, same, same] = m  # pairs within a group count as often as the group
        impostor_at[start : start + size] = weights.reshape(len(m), -1) @ cells
    centres = level_means(scores, whole)
    values = np.array([_at_levels(centres, g, i, far) for g, i in zip(genuine_at, impostor_at, strict=True)])
    curve = roc(whole)
    exact = np.array([eer(curve)[0], spread, *(tar_at_far(curve, f)[0] for f in far)])
    values = values[1:] + (exact - values[0])
    values[:, np.arange(values.shape[1]) != 1] = np.clip(values[:, np.arange(values.shape[1]) != 1], 0, 1)
    return {"eer": values[:, 0], "d_prime": values[:, 1], "tar": values[:, 2:]}


def level_means(scores: Floats, whole: Tally) -> Floats:
    """Return the mean score of the pairs of each level, or the level's lowest score if it has no pairs."""
    level = np.searchsorted(scores, whole.scores, side="right") - 1
    pairs = whole.genuine + whole.impostor
    sums, counts = (np.bincount(level, w, minlength=len(scores)) for w in (whole.scores * pairs, pairs))
    means: Floats = np.where(counts > 0, sums / np.maximum(counts, 1), scores)
    return means


def _at_levels(scores: Floats, genuine: NDArray[Any], impostor: NDArray[Any], far: Sequence[float]) -> list[float]:
    """Return EER, d′ and TAR at each FAR of one replicate, interpolated linearly between the edges of levels."""
    counts = Tally(scores[::-1], genuine[::-1].astype(np.float64), impostor[::-1].astype(np.float64))
    curve = roc(counts)
    # If several edges have the same FAR, np.interp takes the last, which has the highest TAR.
    return [eer(curve)[0], d_prime(counts), *np.interp(far, curve.far, curve.tar)]
