"""Verification of listed pairs of templates, as in the 1:1 protocol of IJB-B and IJB-C."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import SitterError
from pipeline.core.numbers import Floats, Ints, rounded, unit
from pipeline.formats.ijb import TemplatePairs, read_template_pairs
from pipeline.metrics import intervals
from pipeline.metrics.failures import floor
from pipeline.metrics.failures_counted import with_generalised
from pipeline.metrics.levels import level_means, level_replicates, levelled
from pipeline.metrics.pair_table import PairTable, exact_table, streamed_table
from pipeline.metrics.result import Context, Embedded, Result, Scalar, Scored
from pipeline.metrics.support import with_effective_support
from pipeline.metrics.templates import failed_templates, pool, rule_of
from pipeline.metrics.verification import auc, d_prime, reversed_by, roc, tally
from pipeline.metrics.verification_figures import curves, rates, weighed
from pipeline.params.metrics.template_pairs import TemplatePairsOptions
from pipeline.store.figure_names import FTE, GENUINE, IMPOSTOR, SITTERS

# Up to this many pairs, a bootstrap replicate goes through all pairs; beyond, through their levels.
EXACT_PAIRS = 1_000_000
BLOCK = 1 << 16


def template_pairs(context: Context, options: TemplatePairsOptions) -> Result:
    """Verify the pairs of templates that a file lists: EER, TAR at each FAR, d′, thresholds and AUC.

    A template without any image that has a usable face is counted in `fte`. Its pairs are counted as rejected in the
    generalised error rates, and in no other rate. Likelihood ratios are calibrated by folds of the sitters. Intervals
    are for other sitters (see `intervals`) or, with more than 1,000,000 pairs, for other groups of sitters (see
    `levels`).

    Raises:
        SitterError: the list names a template without images, or its labels contradict the sitters.
    """
    found = compared(context, options)
    sitter, a, b, genuine, usable = found.sitter, found.a, found.b, found.genuine, found.usable
    scores = np.empty(len(a))
    scores[usable] = found.scores

    def scored(chosen: NDArray[np.bool_]) -> intervals.ScoredPairs:
        known_sitters, number = np.unique(sitter[np.stack([a[chosen], b[chosen]])], return_inverse=True)
        (one, other), same = number.reshape(2, -1).astype(np.int32), genuine[chosen]
        some = scores[chosen]
        return intervals.ScoredPairs(some[same], one[same], some[~same], one[~same], other[~same], len(known_sitters))

    result = _result(context, scored(usable), given=isinstance(found.templates, Scored))
    if not found.accounted:
        return result
    ends = np.unique(np.stack([a, b]))
    result = replace(
        result, scalars=result.scalars | {FTE: Scalar(float((ends >= len(found.templates)).mean()), percent=True)}
    )
    if not usable.any() or (usable.all() and not context.failed_elsewhere(options.dataset)):
        return result
    scores[~usable] = floor(float(scores[usable].min()))
    every = scored(np.ones(len(a), bool))
    replicates, table = _replicated(context, every)
    return with_generalised(context, result, tally(every.genuine, every.impostor), table, replicates)


@dataclass(frozen=True)
class ComparedTemplates:
    """Listed pairs of templates; arrays [n] unless stated."""

    templates: Embedded
    """The templates with a usable face."""
    a: Ints
    """Place of the first template of each pair among `templates`, followed by the failed ones."""
    b: Ints
    genuine: NDArray[np.bool_]
    usable: NDArray[np.bool_]
    """Whether neither template failed."""
    scores: Floats
    """[usable], scores of the usable pairs, in their order."""
    sitter: Ints
    """[templates and failed ones], number of the sitter of each."""
    accounted: bool
    """Whether it is known which templates failed."""


def compared(context: Context, options: TemplatePairsOptions) -> ComparedTemplates:
    """Return the listed pairs with their scores. Raises the same errors as `template_pairs`."""
    path = Path(options.pairs)
    listed, column = read_template_pairs(path), options.templates.column
    rule = rule_of(context, options.templates, options.dataset, None)
    known = pool(context, context.embedded(options.dataset, "test"), column, options.templates, rule)
    failures = context.failures(options.dataset)
    failed = failed_templates(context, failures, column, set(known.image_ids)) if failures is not None else None
    place = _places(path, listed, known, failed, column)
    sitters = [*known.sitters, *(failed.sitters if failed is not None else [])]
    sitter = np.unique(np.array(sitters), return_inverse=True)[1]
    a, b = place[listed.a], place[listed.b]
    genuine = _genuine(path, listed, sitter[a] == sitter[b])
    usable = (a < len(known)) & (b < len(known))
    scores = _scores(known, a[usable], b[usable])
    return ComparedTemplates(known, a, b, genuine, usable, scores, sitter, failed is not None)


def _places(path: Path, listed: TemplatePairs, known: Embedded, failed: Embedded | None, column: str) -> Ints:
    """Return the place of each listed template among the known templates, followed by the failed ones."""
    every = [*known.image_ids, *(failed.image_ids if failed is not None else [])]
    number = {name: n for n, name in enumerate(every)}
    absent = [n for n, name in enumerate(listed.names) if name not in number]
    if absent:
        line = int(np.flatnonzero(np.isin(listed.a, absent) | np.isin(listed.b, absent))[0])
        name = next(listed.names[end] for end in (listed.a[line], listed.b[line]) if end in absent)
        raise SitterError(
            f"{path}, line {line + 1}: no test image of {known.dataset} has template {name!r} in its column "
            f"{column!r}: name the list, the data set and the column (templates.column) that belong together."
        )
    return np.array([number[name] for name in listed.names], np.int64)


def _genuine(path: Path, listed: TemplatePairs, same: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which pairs are genuine, by their labels if there are any, else by their sitters."""
    if listed.genuine is None:
        return same
    wrong = np.flatnonzero(listed.genuine != same)
    if len(wrong):
        line = int(wrong[0])
        names, label = [listed.names[end[line]] for end in (listed.a, listed.b)], int(listed.genuine[line])
        raise SitterError(
            f"{path}, line {line + 1}: the label of templates {names[0]} and {names[1]} is {label}, but they are of "
            f"{'one sitter' if same[line] else 'two sitters'}: correct the list, or the column sitter of the manifest."
        )
    return listed.genuine


def _scores(templates: Embedded, a: Ints, b: Ints) -> Floats:
    if isinstance(templates, Scored):
        return templates.listed(a, b)
    vectors, found = unit(templates.vectors), np.empty(len(a))
    for start in range(0, len(a), BLOCK):
        part = slice(start, start + BLOCK)
        found[part] = np.einsum("nd,nd->n", vectors[a[part]], vectors[b[part]])
    return rounded(found)


Replicates = Callable[[Iterable[NDArray[np.int32]]], dict[str, Floats]]


def _replicated(context: Context, pairs: intervals.ScoredPairs) -> tuple[Replicates, PairTable]:
    """Return a function from draws of the table's units to bootstrap replicates, and the table."""
    few = len(pairs.genuine) + len(pairs.impostor) <= EXACT_PAIRS
    if few or not len(pairs.genuine) or not len(pairs.impostor):
        return lambda drawn: intervals.verification_replicates(pairs, drawn, context.far), exact_table(pairs)
    counts = tally(pairs.genuine, pairs.impostor)
    levels = levelled(pairs, np.random.default_rng([context.seed, pairs.sitters]))
    spread = d_prime(counts)

    def replicates(drawn: Iterable[NDArray[np.int32]]) -> dict[str, Floats]:
        every = np.concatenate(list(drawn))
        return level_replicates(levels.scores, levels.genuine, levels.impostor, every, context.far, counts, spread)

    return replicates, streamed_table(level_means(levels.scores, counts), levels.genuine, levels.impostor)


def _result(context: Context, pairs: intervals.ScoredPairs, given: bool) -> Result:
    """Return the figures; of scores that are `given` by a file it is said if they look like distances."""
    counts = tally(pairs.genuine, pairs.impostor)
    replicates, table = _replicated(context, pairs)
    lacking = "" if len(pairs.genuine) and len(pairs.impostor) else "the list has no genuine, or no impostor pair"

    def drawn() -> Iterator[NDArray[np.int32]]:
        return intervals.draws(table.units, context.replicates, context.seed)

    scalars = rates(counts, d_prime(counts), {} if lacking else replicates(drawn()), context.far, lacking)
    drawing = curves(counts, lacking)
    if not lacking:
        scalars = with_effective_support(scalars, table.impostor, table.units, context.far)
    if not lacking and context.calibrate is not None:
        found, calibrated = context.calibrate(table, None, 0, drawn)
        scalars, drawing = scalars | found, (*drawing, *calibrated)
    scalars |= {
        GENUINE: Scalar(len(pairs.genuine)),
        IMPOSTOR: Scalar(len(pairs.impostor)),
        SITTERS: Scalar(pairs.sitters),
    }
    numbers = len(pairs.genuine), len(pairs.impostor), pairs.sitters
    doubt = reversed_by(auc(roc(counts)), *numbers) if given and not lacking else ""
    result = Result(scalars, table.units, drawing, reversed=doubt)
    return weighed(result, np.bincount(pairs.genuine_sitter))
