"""Errors by group at one common threshold: rates with intervals, and tests of each group against the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.reporting.series import Series, Styles
from pipeline.reporting.standings import Bar, Scale
from pipeline.store.benchmarks import Benchmark, GroupErrors, GroupRate

NAMES = {"same": "same {}, all pairs", "different": "different {}"}


@dataclass(frozen=True)
class GroupRow:
    """The errors of one model in one group."""

    style: Series
    group: str
    errors: GroupErrors
    rates: list[tuple[GroupRate, Bar | None]]
    """FNMR and FMR, with a bar for each."""


@dataclass(frozen=True)
class ByGroup:
    """The table for one column of the manifest."""

    column: str
    scales: list[Scale]
    rows: list[GroupRow]


def by_group(benchmark: Benchmark, styles: Styles) -> list[ByGroup]:
    """Return a table for each column that defines groups."""
    every = [(styles[model], errors) for model, found in benchmark.groups.items() for errors in found]
    columns = dict.fromkeys(errors.column for _, errors in every)
    return [_table(column, [(style, found) for style, found in every if found.column == column]) for column in columns]


def _table(column: str, found: Sequence[tuple[Series, GroupErrors]]) -> ByGroup:
    scales = [_scale(rates) for rates in zip(*(errors.rates for _, errors in found), strict=True)]
    rows = []
    for style, errors in found:
        group = NAMES[errors.group].format(column) if errors.group in NAMES else errors.group
        bars = [(r, scale.bar(r.value, r.low, r.high)) for r, scale in zip(errors.rates, scales, strict=True)]
        rows.append(GroupRow(style, group, errors, bars))
    return ByGroup(column, scales, rows)


def _scale(rates: Sequence[GroupRate]) -> Scale:
    ends = [v for rate in rates for v in (rate.value, rate.high) if v is not None]
    return Scale(0.0, 1.04 * max([*ends, 0.001]), is_rate=True)
