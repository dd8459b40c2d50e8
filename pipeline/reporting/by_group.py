"""Errors by group, at one common threshold: rates with intervals, and which groups differ from the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.reporting import numbers
from pipeline.reporting.numbers import NONE, number
from pipeline.reporting.read import Benchmark, Row, Series
from pipeline.reporting.standings import Bar, Scale, marked

NAMES = {"same": "same {}, all pairs", "different": "different {}"}
RATES = ("fnmr", "fmr")
FEW = "too few sitters"


@dataclass(frozen=True)
class Rate:
    """One error rate of one group."""

    text: str
    interval: str
    """Or that there are too few sitters for one."""
    bar: Bar | None
    verdict: str
    """Whether it differs from the rest, with the p-value; empty where that was not tested."""


@dataclass(frozen=True)
class GroupRow:
    """One group under one model."""

    style: Series
    group: str
    pairs: str
    rates: list[Rate]
    """FNMR and FMR."""


@dataclass(frozen=True)
class ByGroup:
    """The table of one column."""

    column: str
    scales: list[Scale]
    rows: list[GroupRow]


def by_group(benchmark: Benchmark, styles: Mapping[str, Series]) -> list[ByGroup]:
    """A table for each column that errors were broken down by."""
    found = {m: rows for m, rows in benchmark.curves.get("groups", {}).items() if m in styles}
    every = [(styles[model], row) for model, rows in found.items() for row in rows]
    columns = dict.fromkeys(row["column"] for _, row in every)
    return [_table(column, [(style, row) for style, row in every if row["column"] == column]) for column in columns]


def _table(column: str, rows: Sequence[tuple[Series, Row]]) -> ByGroup:
    scales = [_scale([row for _, row in rows], rate) for rate in RATES]
    found = [
        GroupRow(
            style,
            NAMES[row["group"]].format(column) if row["group"] in NAMES else row["group"],
            f"{row['sitters']} sitters, {numbers.count(number(row['genuine']))} genuine and "
            f"{numbers.count(number(row['impostor']))} impostor pairs",
            [_rate(row, rate, scale) for rate, scale in zip(RATES, scales, strict=True)],
        )
        for style, row in rows
    ]
    return ByGroup(column, scales, found)


def _scale(rows: Sequence[Row], rate: str) -> Scale:
    ends = [v for row in rows for end in ("", "_high") if (v := number(row.get(f"{rate}{end}"))) is not None]
    return marked(0.0, 1.04 * max([*ends, 0.001]), is_rate=True)


def _rate(row: Row, rate: str, scale: Scale) -> Rate:
    value, low, high, p = (number(row.get(f"{rate}{end}")) for end in ("", "_low", "_high", "_p"))
    if value is None:
        return Rate(NONE, "", None, "")
    verdict = ""
    if p is not None:
        more = (number(row.get(f"{rate}_difference")) or 0) > 0
        differs = row.get(f"{rate}_significant") == "1"
        verdict = f"{('higher' if more else 'lower') if differs else 'may be chance'}, {numbers.p_value(p)}"
    return Rate(
        numbers.percent(value, unit=False), numbers.interval(low, high) or FEW, scale.bar(value, low, high), verdict
    )
