"""The error rates of all pairs with failures counted (see `failures`), from single scores or from streams."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pipeline.core.numbers import Floats
from pipeline.metrics import intervals
from pipeline.metrics.failures import WithFailures, floor, listed, lost_by_group
from pipeline.metrics.levels import level_means, level_replicates
from pipeline.metrics.operating_points import generalised_errors
from pipeline.metrics.pair_table import PairTable, exact_table, streamed_table
from pipeline.metrics.result import Context, Result, Scalar
from pipeline.metrics.streaming import Histograms
from pipeline.metrics.verification import Tally, eer, roc, support, tally, tar_at_far
from pipeline.store.figure_names import GEER, GFRR, at

# Largest number of pairs that are listed individually, including pairs with failed images.
MOST_LISTED = 8_000_000
Drawn = Iterator[NDArray[np.int32]]


def counted_exactly(context: Context, found: WithFailures | None, result: Result, scores: Floats) -> Result:
    """Return a result with FTA, FTE and, where images have failed, generalised error rates.

    Args:
        context: the context of the benchmark.
        found: its failures; None if they are not known.
        result: the result for the pairs with scores.
        scores: the scores of these pairs, in the order of `Pairing.pairs`.
    """
    if found is None:
        return result
    result = replace(result, scalars=result.scalars | found.rates())
    if not found.count or not len(scores) or found.every.size > MOST_LISTED:
        return result
    every = listed(found, scores)

    def replicates(drawn: Drawn) -> dict[str, Floats]:
        return intervals.verification_replicates(every, drawn, context.far)

    return with_generalised(context, result, tally(every.genuine, every.impostor), exact_table(every), replicates)


def counted_in_streams(context: Context, found: WithFailures | None, result: Result, counts: Histograms) -> Result:
    """Return the same as `counted_exactly` for pairs that were counted in streams."""
    if found is None:
        return result
    result = replace(result, scalars=result.scalars | found.rates())
    if not found.count:
        return result
    lost_g, lost_i = lost_by_group(found, counts.group_of, len(counts.genuine))
    scores = counts.bins.edges[counts.edges]
    every = _with_lost(counts.tally(), float(scores[0]), float(lost_g.sum()), float(lost_i.sum()))
    levels = np.concatenate([every.scores[-1:], scores])
    genuine = np.concatenate([lost_g[:, None], counts.genuine], axis=1)
    impostor = np.concatenate([lost_i[:, :, None], counts.impostor], axis=2)

    def replicates(drawn: Drawn) -> dict[str, Floats]:
        every_draw = np.concatenate(list(drawn))
        return level_replicates(levels, genuine, impostor, every_draw, context.far, every, float("nan"))

    table = streamed_table(level_means(levels, every), genuine, impostor)
    return with_generalised(context, result, every, table, replicates)


def with_generalised(
    context: Context, result: Result, counts: Tally, table: PairTable, replicates: Callable[[Drawn], dict[str, Floats]]
) -> Result:
    """Return the result with generalised error rates of all pairs; pairs with a failed image score below all others."""

    def drawn() -> Drawn:
        return intervals.draws(table.units, context.replicates, context.seed)

    if not counts.genuine.sum() or not counts.impostor.sum():
        return result
    found = generalised(counts, replicates(drawn()), context.far)
    found |= generalised_errors(result.scalars, counts, table, drawn)
    return replace(result, scalars=result.scalars | found)


def generalised(counts: Tally, replicates: Mapping[str, Floats], far: Sequence[float]) -> dict[str, Scalar]:
    """Return the operating points with failures counted.

    `geer` is the rate at which GFAR and GFRR are equal; `gfrr@0.01` is the GFRR where the GFAR is at most 1 %.

    Args:
        counts: counts of all pairs, genuine and impostor; pairs with a failed image score below all others.
        replicates: `eer` and `tar` of `verification_replicates` for the same pairs.
        far: the GFARs.
    """
    curve, impostors = roc(counts), float(counts.impostor.sum())
    found = {GEER: Scalar(eer(curve)[0], "", replicates["eer"], percent=True, better="lower", beside=True)}
    for n, target in enumerate(far):
        enough, note = support(impostors, target)
        value, drawn = (1 - tar_at_far(curve, target)[0], 1 - replicates["tar"][:, n]) if enough else (None, None)
        found[at(GFRR, target)] = Scalar(value, note, drawn, percent=True, better="lower", beside=True)
    return found


def _with_lost(counts: Tally, lowest: float, genuine: float, impostor: float) -> Tally:
    """Return counts with additional pairs that are never accepted, at a score below `lowest`."""
    return Tally(
        np.append(counts.scores, floor(lowest)),
        np.append(counts.genuine, genuine),
        np.append(counts.impostor, impostor),
    )
