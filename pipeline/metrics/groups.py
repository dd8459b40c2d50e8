"""Error rates by group: does a model err more on one artist, century or kind of picture than on others?

This is differential performance as in ISO/IEC 19795-10:2024: one threshold for all, and FMR and FNMR of the pairs
within each group. A group is the images with one value in a column of the manifest. Pairs within one group are compared
with pairs within all other groups. Pairs within groups are also compared with pairs across groups ("same artist"
against "different artists"). Intervals and tests are over sitters; all tests of a column are one family for Holm's
correction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from pipeline.core.numbers import Floats, Ints
from pipeline.metrics.accepted import accepted
from pipeline.metrics.comparisons import ReplicatedScalar, ScalarDifference, differences, effective, in_one_family
from pipeline.metrics.discard import genuine_pairs, genuine_scores
from pipeline.metrics.intervals import FEWEST_UNITS, draws, share_interval
from pipeline.metrics.manifest_values import classes, values_of
from pipeline.metrics.pairing import Pairing
from pipeline.metrics.result import Context
from pipeline.store.benchmarks import GroupErrors, GroupRate
from pipeline.store.figure_names import FMR, FNMR

SAME, DIFFERENT = "same", "different"
"""Pairs of images with the same value, and pairs with two different values."""
# If there are more sitters than this, groups of sitters are resampled.
MOST_SITTERS = 400
GROUPS = 128
RATES = (FMR, FNMR)


@dataclass(frozen=True)
class _Counts:
    """Numbers of wrong and of all pairs in a group: genuine pairs by unit [units], impostor pairs [units, units]."""

    rejected: Floats
    genuine: Floats
    accepted: Floats
    impostor: Floats

    def __sub__(self, other: _Counts) -> _Counts:
        mine, theirs = vars(self), vars(other)
        return _Counts(**{name: mine[name] - theirs[name] for name in mine})


@dataclass(frozen=True)
class _Rate:
    value: float
    replicates: Floats


def groups(context: Context, pairing: Pairing, columns: Sequence[str], threshold: float) -> list[GroupErrors]:
    """Return the errors of each value of each column, of `same` and of `different`.

    They have FMR and FNMR with intervals, and the difference to the rest with its interval and corrected p-value. The
    rest of a value is the pairs within other values; the rest of `same` is `different`. A note says if there are too
    few sitters. A group without errors, or with errors only, has an interval (see `share_interval`) but no test,
    because its errors do not vary.

    Args:
        context: has the columns.
        pairing: the images.
        columns: columns of the manifest, or `century`.
        threshold: a pair is accepted if its score is at least this.

    Raises:
        SitterError: a data set has no such column.
    """
    if not columns:
        return []
    unit_of, units = _units(pairing, context.seed)
    rows, cols = genuine_pairs(pairing)
    genuine = rows, cols, genuine_scores(pairing, rows, cols) < threshold
    coded = {column: _codes(context, pairing, column) for column in columns}
    hits = _false_matches(pairing, unit_of, units, coded, threshold)
    table: list[GroupErrors] = []
    for column, (names, codes) in coded.items():
        count = partial(_counted, pairing, unit_of, units, genuine)
        found = {name: count(codes, code, hits[column][code]) for code, name in enumerate(names)}
        any_value = np.minimum(codes[0], 0), np.minimum(codes[1], 0)
        every = count(any_value, 0, hits[column].sum(axis=0))
        found[SAME] = _sum(list(found.values()), units)
        found[DIFFERENT] = every - found[SAME]
        table += _rows(context, pairing, codes, found, column, threshold)
    return table


def _false_matches(
    pairing: Pairing,
    unit_of: Ints,
    units: int,
    coded: Mapping[str, tuple[list[str], tuple[Ints, Ints]]],
    threshold: float,
) -> dict[str, Floats]:
    """Count accepted impostor pairs by column: [values + 1, units, units]; pairs of two values are last."""
    hits = {column: np.zeros((len(names) + 1, units, units)) for column, (names, _) in coded.items()}
    number_r, number_c = pairing.numbers
    for a, b in accepted(pairing, threshold):
        false = number_r[a] != number_c[b]
        a, b = a[false], b[false]
        cells = _cell(pairing, unit_of[number_r[a]], unit_of[number_c[b]])
        for column, (names, codes) in coded.items():
            one, other = codes[0][a], codes[1][b]
            known = (one >= 0) & (other >= 0)
            value = np.where(one == other, one, len(names))[known]
            np.add.at(hits[column], (value, cells[0][known], cells[1][known]), 1)
    return hits


def _units(pairing: Pairing, seed: int) -> tuple[Ints, int]:
    """Return the unit of each sitter and the number of units: sitters, or random groups if there are very many."""
    sitters = len(pairing.sitters)
    if sitters <= MOST_SITTERS:
        return np.arange(sitters), sitters
    found = np.empty(sitters, np.int64)
    found[np.random.default_rng([seed, sitters, 2]).permutation(sitters)] = np.arange(sitters) % GROUPS
    return found, GROUPS


def _codes(context: Context, pairing: Pairing, column: str) -> tuple[list[str], tuple[Ints, Ints]]:
    """Return the values of a column, and the value's number for each row and column of the pairing; −1: not known."""
    sides = (pairing.probe, pairing.columns)
    values = {
        (images.dataset, image_id): value
        for images in sides
        for image_id, value in values_of(context, images.dataset, column).items()
    }
    of = classes(values, context.is_nobody, column)
    here = [[of.get((images.dataset, i), "") for i in images.image_ids] for images in sides]
    names = sorted({name for side in here for name in side} - {""})
    place = {name: n for n, name in enumerate(names)} | {"": -1}
    rows, cols = (np.array([place[name] for name in side], dtype=np.int64) for side in here)
    return names, (rows, cols)


def _counted(
    pairing: Pairing,
    unit_of: Ints,
    units: int,
    genuine: tuple[Ints, Ints, NDArray[np.bool_]],
    codes: tuple[Ints, Ints],
    code: int,
    hits: Floats,
) -> _Counts:
    """Count the pairs in which both images have a code; `hits` are the accepted ones among the impostor pairs."""
    chosen = [c == code for c in codes]
    row_unit, col_unit = (unit_of[n] for n in pairing.numbers)
    rows, cols, rejected = genuine
    mine = chosen[0][rows] & chosen[1][cols]
    by_unit = np.bincount(row_unit[rows[mine]], minlength=units).astype(np.float64)
    wrong = np.bincount(row_unit[rows[mine & rejected]], minlength=units).astype(np.float64)
    n, m = (
        np.bincount(u[c], minlength=units).astype(np.float64) for u, c in zip((row_unit, col_unit), chosen, strict=True)
    )
    every = np.outer(n, m)
    if pairing.within:
        every = np.triu(every, 1) + np.diag(n * (n - 1) / 2)
    i, j = pairing.excluded
    out = chosen[0][i] & chosen[1][j]
    np.subtract.at(every, _cell(pairing, row_unit[i[out]], col_unit[j[out]]), 1)
    every[np.arange(units), np.arange(units)] -= by_unit
    return _Counts(wrong, by_unit, hits, every)


def _cell(pairing: Pairing, a: Ints, b: Ints) -> tuple[Ints, Ints]:
    return (np.minimum(a, b), np.maximum(a, b)) if pairing.within else (a, b)


def _sum(parts: Sequence[_Counts], units: int) -> _Counts:
    total = _Counts(*(np.zeros(units), np.zeros(units), np.zeros((units, units)), np.zeros((units, units))))
    for part in parts:
        total = _Counts(**{name: vars(total)[name] + vars(part)[name] for name in vars(total)})
    return total


def _rates(context: Context, counts: _Counts, units: int) -> dict[str, _Rate]:
    """Return FMR and FNMR, in the set and in each replicate."""
    found: dict[str, list[Floats]] = {rate: [] for rate in RATES}
    whole = np.ones((1, units), np.int32)
    for m in _with(whole, draws(units, context.replicates, context.seed)):
        w = m.astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            found[FMR].append(_quadratic(w, counts.accepted) / _quadratic(w, counts.impostor))
            found[FNMR].append((w @ counts.rejected) / (w @ counts.genuine))
    return {
        rate: _Rate(float(values[0]), values[1:]) for rate, parts in found.items() for values in [np.concatenate(parts)]
    }


def _with(first: NDArray[np.int32], more: Iterator[NDArray[np.int32]]) -> Iterator[NDArray[np.int32]]:
    yield first
    yield from more


def _quadratic(w: Floats, cells: Floats) -> Floats:
    """Return the pairs in each replicate: a pair of two units counts by both draws, a pair in one unit by its own."""
    within = np.diag(cells)
    total: Floats = ((w @ (cells - np.diag(within))) * w).sum(axis=1) + w @ within
    return total


def _rows(
    context: Context,
    pairing: Pairing,
    codes: tuple[Ints, Ints],
    found: dict[str, _Counts],
    column: str,
    threshold: float,
) -> list[GroupErrors]:
    """Return the errors of each group of a column."""
    units = len(found[SAME].genuine)
    rates = {name: _rates(context, counts, units) for name, counts in found.items()}
    sitters = {name: _sitters(pairing, codes, code) for code, name in enumerate(found) if name not in (SAME, DIFFERENT)}
    everybody = np.concatenate([numbers[c >= 0] for numbers, c in zip(pairing.numbers, codes, strict=True)])
    sitters |= {name: np.bincount(everybody) for name in (SAME, DIFFERENT)}
    shown: dict[tuple[str, str], GroupRate] = {}
    tests: list[tuple[tuple[str, str], ScalarDifference]] = []
    for name, counts in found.items():
        many = {FMR: effective(sitters[name]), FNMR: effective(counts.genuine)}
        rest = found[DIFFERENT] if name == SAME else None if name == DIFFERENT else found[SAME] - counts
        others = _rates(context, rest, units) if rest is not None else {}
        for rate in RATES:
            own = rates[name][rate]
            if not np.isfinite(own.value):
                shown[name, rate] = GroupRate()
                continue
            bounds = share_interval(own.value, own.replicates, context.level, min(many[rate], units))
            shown[name, rate] = GroupRate(own.value, *(bounds or (None, None)))
            if bounds and 0 < own.value < 1 and rate in others and np.isfinite(others[rate].value):
                pair = {"own": ReplicatedScalar(own.value, own.replicates, many[rate]),
                        "rest": ReplicatedScalar(others[rate].value, others[rate].replicates)}  # fmt: skip
                tests += [((name, rate), d) for d in
                          differences({rate: pair}, [("own", "rest")], context.level, units)]  # fmt: skip
    corrected = in_one_family([d for _, d in tests], context.level)
    for (key, _), d in zip(tests, corrected, strict=True):
        shown[key] = replace(
            shown[key],
            difference=d.difference,
            difference_low=d.low,
            difference_high=d.high,
            p=d.p,
            significant=d.significant,
        )
    return [
        GroupErrors.of(
            column=column,
            group=name,
            sitters=int((sitters[name] > 0).sum()),
            genuine=int(counts.genuine.sum()),
            impostor=int(counts.impostor.sum()),
            threshold=threshold,
            fmr=shown[name, FMR],
            fnmr=shown[name, FNMR],
            note=_too_few({rate: shown[name, rate] for rate in RATES}),
        )
        for name, counts in found.items()
    ]


def _too_few(shown: dict[str, GroupRate]) -> str:
    """Return a note on the rates of a group that have no interval; empty if there are none."""
    few = [name.upper() for name, rate in shown.items() if rate.value is not None and rate.low is None]
    return f"too few sitters for an interval of {' and '.join(few)} (fewer than {FEWEST_UNITS})" if few else ""


def _sitters(pairing: Pairing, codes: tuple[Ints, Ints], code: int) -> Ints:
    """Return the number of each sitter's images in a group."""
    sides = [
        np.bincount(n[c == code], minlength=len(pairing.sitters)) for n, c in zip(pairing.numbers, codes, strict=True)
    ]
    return sides[0] if pairing.within else sides[0] + sides[1]
