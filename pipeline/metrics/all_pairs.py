"""Verification over every pair of test images, without sampling and without a protocol file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import SitterError
from pipeline.core.numbers import Floats, Ints, rounded
from pipeline.metrics import intervals, streaming
from pipeline.metrics.discard import discard
from pipeline.metrics.failures import with_failures
from pipeline.metrics.failures_counted import counted_exactly, counted_in_streams
from pipeline.metrics.groups import groups
from pipeline.metrics.levels import level_means, level_replicates
from pipeline.metrics.operating_points import (
    NO_VALIDATION,
    Draws,
    chosen_thresholds,
    expected_performance,
)
from pipeline.metrics.pair_table import PairTable, exact_table, streamed_table
from pipeline.metrics.pairing import EXAMPLES, Example, Pairing, extremes
from pipeline.metrics.result import Context, Result, Scalar, Scored, Unjudged
from pipeline.metrics.support import with_effective_support
from pipeline.metrics.templates import pooled
from pipeline.metrics.verification import (
    Tally,
    auc,
    d_prime,
    reversed_by,
    roc,
    tally,
)
from pipeline.metrics.verification_figures import curves, rates, weighed
from pipeline.params.metrics.all_pairs import AllPairsOptions
from pipeline.store.benchmarks import HardPair
from pipeline.store.figure_names import EER_THRESHOLD, GENUINE, IMPOSTOR, SITTERS, THRESHOLD, at

# Up to this many pairs, each score is kept; beyond, scores are counted in a histogram.
EXACT_PAIRS = 1_000_000
# Most scores from a file; they are held in memory with 8 bytes each.
MOST_GIVEN = 50_000_000
KEPT_EXAMPLES = 50


def all_pairs(context: Context, options: AllPairsOptions) -> Result:
    """Verify every pair of test images: within one data set, or probes against a gallery.

    Pairs with the same origin photograph are excluded, and their number is given. Scores are cosines, or the scores in
    an outside system's file, in double precision. Up to 1,000,000 pairs, each is counted exactly; beyond, pairs are
    streamed (see `streaming`).

    Raises:
        SitterError: a data set has no test images.
    """
    context = pooled(context, options)
    pairing = Pairing(
        context.embedded(options.probe, "test"),
        context.embedded(options.other, "test") if options.other else None,
        options.within_folds,
    )
    for images in (pairing.probe, pairing.columns):
        if not len(images):
            raise SitterError(f"data set {images.dataset!r} has no test images: set `test` in its split.")
    if pairing.size <= EXACT_PAIRS:
        return _at_one_threshold(context, options, pairing, _exact(context, pairing, options))
    if isinstance(pairing.probe, Scored) and pairing.size > MOST_GIVEN:
        raise Unjudged(
            f"{pairing.size:,} pairs are too many for scores that have to be in memory at once (at most "
            f"{MOST_GIVEN:,}): scores from a file, or of templates that are compared image by image."
        )
    return _at_one_threshold(context, options, pairing, _streamed(context, pairing, options))


def _validation(context: Context, options: AllPairsOptions) -> tuple[Tally | None, int, str]:
    """Return the counts of the validation pairs, the number of validation sitters, and why there are none (or "")."""
    probe = context.validation(options.probe)
    gallery = context.validation(options.other) if options.other else None
    if probe is None or (options.other and gallery is None):
        return None, 0, NO_VALIDATION
    pairing = Pairing(probe, gallery, options.within_folds)
    if pairing.size > EXACT_PAIRS and not isinstance(probe, Scored):
        return streaming.histograms(pairing, context.seed, examples=1).tally(), len(pairing.sitters), ""
    try:
        scored = _scored(pairing)[0]
    except SitterError as error:  # an outside system may have no scores for them
        if isinstance(probe, Scored):
            return None, 0, f"no threshold can be chosen on validation sitters: {error}"
        raise
    return tally(scored.genuine, scored.impostor), len(pairing.sitters), ""


def _scored(pairing: Pairing) -> tuple[intervals.ScoredPairs, Floats, Ints, Ints]:
    """Return the genuine and impostor pairs, then the scores, rows and columns of all pairs."""
    rows, columns = pairing.pairs()
    scores = pairing.scorer()(slice(None))[rows, columns]
    if not isinstance(pairing.probe, Scored):
        scores = rounded(scores)
    sitter_a, sitter_b = pairing.numbers[0][rows], pairing.numbers[1][columns]
    same = sitter_a == sitter_b
    scored = intervals.ScoredPairs(
        scores[same], sitter_a[same], scores[~same], sitter_a[~same], sitter_b[~same], len(pairing.sitters)
    )
    return scored, scores, rows, columns


def _exact(context: Context, pairing: Pairing, options: AllPairsOptions) -> Result:
    scored, scores, rows, columns = _scored(pairing)
    same = pairing.numbers[0][rows] == pairing.numbers[1][columns]

    def drawn() -> Iterator[NDArray[np.int32]]:
        return intervals.draws(len(pairing.sitters), context.replicates, context.seed)

    found = extremes(
        scores, np.flatnonzero(same), np.flatnonzero(~same), lambda n: (rows[n], columns[n]), KEPT_EXAMPLES, {}
    )
    replicates = intervals.verification_replicates(scored, drawn(), context.far)
    counts = tally(scored.genuine, scored.impostor)
    result = _result(context, pairing, counts, d_prime(counts), replicates, len(pairing.sitters), found)
    result = weighed(result, np.bincount(scored.genuine_sitter))
    result = _with_validation(context, options, result, counts, exact_table(scored), drawn)
    return counted_exactly(context, with_failures(context, pairing, options.probe, options.other), result, scores)


def _streamed(context: Context, pairing: Pairing, options: AllPairsOptions) -> Result:
    counts = streaming.histograms(pairing, context.seed, KEPT_EXAMPLES)
    groups = len(counts.genuine)
    drawn = intervals.resample(groups, context.replicates, context.seed)
    whole, spread = counts.tally(), counts.d_prime()
    scores = counts.bins.edges[counts.edges]
    replicates = level_replicates(scores, counts.genuine, counts.impostor, drawn, context.far, whole, spread)
    result = _result(context, pairing, whole, spread, replicates, groups, counts.examples)
    result = weighed(result, counts.genuine.sum(axis=1))

    table = streamed_table(level_means(scores, whole), counts.genuine, counts.impostor)
    result = _with_validation(context, options, result, whole, table, lambda: iter([drawn]))
    return counted_in_streams(context, with_failures(context, pairing, options.probe, options.other), result, counts)


def _with_validation(
    context: Context,
    options: AllPairsOptions,
    result: Result,
    counts: Tally,
    pairs: PairTable,
    draws: Draws,
) -> Result:
    """Return the result with the support of its FARs, validation thresholds and calibration."""
    validation, sitters, why_not = _validation(context, options)
    scalars = {**result.scalars, **chosen_thresholds(validation, why_not, context.far, counts, pairs, draws)}
    if not counts.genuine.sum() or not counts.impostor.sum():
        return replace(result, scalars=scalars)
    scalars = with_effective_support(scalars, pairs.impostor, pairs.units, context.far)
    curves = result.curves
    if (expected := expected_performance(validation, counts)) is not None:
        curves = (*curves, expected)
    if context.calibrate is not None:
        found, calibrated = context.calibrate(pairs, validation, sitters, draws)
        scalars, curves = scalars | found, (*curves, *calibrated)
    return replace(result, scalars=scalars, curves=curves)


def _at_one_threshold(context: Context, options: AllPairsOptions, pairing: Pairing, result: Result) -> Result:
    """Return the result with error against discard and error rates by group.

    Both use one threshold: the threshold of the highest FAR that has one, else the threshold of the EER.
    """
    names = [at(THRESHOLD, far) for far in sorted(context.far, reverse=True)] + [EER_THRESHOLD]
    known = [value for name in names if (value := result.scalars[name].value) is not None]
    if not known:
        return result
    scalars, curves = discard(context, pairing, options.discard, float(known[0]))
    errors = groups(context, pairing, options.groups, float(known[0]))
    return replace(result, scalars=result.scalars | scalars, curves=(*result.curves, *curves), groups=errors)


def _result(
    context: Context,
    pairing: Pairing,
    counts: Tally,
    spread: float,
    replicates: dict[str, Floats],
    units: int,
    examples: dict[str, list[Example]],
) -> Result:
    genuine, impostors = int(counts.genuine.sum()), int(counts.impostor.sum())
    lacking = _lacking(genuine, impostors, pairing)
    scalars = rates(counts, spread, replicates, context.far, lacking)
    scalars |= {
        GENUINE: Scalar(genuine),
        IMPOSTOR: Scalar(impostors),
        "excluded": Scalar(len(pairing.excluded[0])),
        SITTERS: Scalar(len(pairing.sitters)),
    }
    given = isinstance(pairing.probe, Scored) and not lacking
    doubt = reversed_by(auc(roc(counts)), genuine, impostors, len(pairing.sitters)) if given else ""
    return Result(scalars, units, curves(counts, lacking), _examples(pairing, examples), doubt)


def _lacking(genuine: int, impostors: int, pairing: Pairing) -> str:
    """Return why there is nothing to measure; empty if there is something."""
    if not genuine and not set(pairing.probe.sitters) & set(pairing.columns.sitters):
        return "there is no genuine pair: no probe's sitter is in the gallery"
    if not genuine:
        return "there is no genuine pair: no sitter has two images that may be compared"
    return "" if impostors else "there is no impostor pair: all images are of one sitter"


def _examples(pairing: Pairing, examples: dict[str, list[Example]]) -> list[HardPair]:
    return [
        HardPair(
            model="",
            sort=sort,
            rank=rank,
            probe=pairing.probe.image_ids[e.row],
            gallery=pairing.columns.image_ids[e.column],
            probe_dataset=pairing.probe.dataset,
            gallery_dataset=pairing.columns.dataset,
            score=e.score,
        )
        for sort in EXAMPLES
        for rank, e in enumerate(examples.get(sort, ()), start=1)
    ]
