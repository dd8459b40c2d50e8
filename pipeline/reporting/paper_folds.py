"""Further tables of a benchmark for a paper, the same as in the report: tests, thresholds, calibration, groups.

Their CSV files hold the same text. Numbers with all their digits are in `results/tables/` and `results/curves/`.
"""

from __future__ import annotations

import csv
import io

from tabulate import tabulate

from pipeline.reporting.by_group import by_group
from pipeline.reporting.calibration import calibration
from pipeline.reporting.declared import declared
from pipeline.reporting.discard import discard
from pipeline.reporting.failures import failures
from pipeline.reporting.headings import heading
from pipeline.reporting.number_format import (
    NONE,
    count,
    decimal,
    ends,
    interval,
    measured,
    p_bare,
    p_value,
    percent,
    signed,
    threshold,
)
from pipeline.reporting.paper_tables import FORMS
from pipeline.reporting.searches import searched
from pipeline.reporting.series import Styles
from pipeline.reporting.standings import FigureCell, listed
from pipeline.reporting.thresholds import thresholds
from pipeline.store.benchmarks import Benchmark, Difference, GroupErrors, GroupRate

Table = tuple[list[str], list[list[str]]]
"""Headings, and rows of text."""
LATEX = {"–": "--", "−": "$-$", "\N{NO-BREAK SPACE}": "~", "′": "$'$", "’": "'", "±": r"$\pm$", "≥": r"$\geq$"}
"""Characters that plain LaTeX does not have."""


def folds(benchmark: Benchmark, styles: Styles) -> dict[str, Table]:
    """Return the tables by name; tables without rows are left out."""
    found: dict[str, Table] = {
        "baseline": _baseline(benchmark, styles),
        "differences": _differences(benchmark),
        "thresholds": _thresholds(benchmark, styles),
        "calibration": _calibration(benchmark, styles),
        "failures": _failures(benchmark, styles),
        "discard": _discard(benchmark, styles),
        **_searched(benchmark, styles),
    }
    for one in by_group(benchmark, styles):
        headings = ["model", one.column, "pairs"]
        for rate in ("FNMR, %", "FMR, %"):
            headings += [rate, "interval", "against the rest"]
        rows = [
            [r.style.name, r.group, _pairs(r.errors), *(text for rate, _ in r.rates for text in _of_group(rate))]
            for r in one.rows
        ]
        found[f"groups-{one.column}"] = headings, rows
    return {name: table for name, table in found.items() if table[1]}


def written(table: Table) -> dict[str, str]:
    """Return the text of a table in each format, by the ending of the file: `.tex`, `.md` and `.csv`."""
    headings, rows = table
    told = {end: tabulate(rows, headings, form, disable_numparse=True) + "\n" for end, form in FORMS.items()}
    for character, latex in LATEX.items():
        told[".tex"] = told[".tex"].replace(character, latex)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([headings, *rows])
    return told | {".csv": text.getvalue()}


def _baseline(benchmark: Benchmark, styles: Styles) -> Table:
    found = declared(benchmark, styles)
    headings = ["model", "figure", f"minus {found.baseline}" if found else "", "interval", "p (Holm)", "verdict"]
    rows = found.rows if found else []
    return headings, [[t.style.name, heading(t.difference.metric), *_tested(t.difference, t.is_rate), t.verdict]
                      for t in rows]  # fmt: skip


def _differences(benchmark: Benchmark) -> Table:
    headings = ["figure", "model", "minus model", "difference", "interval", "p (Holm)", "significant"]
    rows = []
    for t in listed(benchmark):
        is_rate = benchmark.percent(t.metric)
        figure = heading(t.metric) + (", points" if is_rate else "")
        rows.append([figure, t.model_a, t.model_b, *_tested(t, is_rate), "yes" if t.significant else "no"])
    return headings, rows


def _thresholds(benchmark: Benchmark, styles: Styles) -> Table:
    found = thresholds(benchmark, styles)
    headings = ["model", "chosen for", "threshold (validation)", "FMR, test", "FNMR, test", "threshold (test's own)"]
    points = [(style.name, p) for style, of_one in (found.rows if found else []) for p in of_one]
    return headings, [
        [name, p.aim, threshold(p.chosen), _measured(p.fmr), _measured(p.fnmr), threshold(p.own)] for name, p in points
    ]


def _calibration(benchmark: Benchmark, styles: Styles) -> Table:
    found = calibration(benchmark, styles)
    headings = ["model", "Cllr", "at least", "loss", "strongest LR supported", "calibration"]
    rows = found.rows if found else []
    return headings, [[r.style.name, *map(_measured, r.figures), r.reach or NONE, r.note] for r in rows]


def _failures(benchmark: Benchmark, styles: Styles) -> Table:
    found = failures(benchmark, styles)
    headings = ["model", "comparisons alone", "value", "failures counted", "value"]
    rows = found.rows if found else []
    return headings, [[r.style.name, r.alone_name, _measured(r.alone), r.name, _measured(r.counted)] for r in rows]


def _discard(benchmark: Benchmark, styles: Styles) -> Table:
    found = discard(benchmark, styles)
    if not found:
        return [], []
    return ["model", *found.qualities], [[style.name, *map(decimal, areas)] for style, areas in found.rows]


def _searched(benchmark: Benchmark, styles: Styles) -> dict[str, Table]:
    found = searched(benchmark, styles)
    if not found:
        return {}
    human = [[style.name, *map(_measured, rates)] for style, rates in found.human]
    alone = [[a.style.name, a.fpir, threshold(a.threshold), _measured(a.fnir)] for a in found.automatic]
    return {
        "investigation": (["model", *(f"FNIR, {k}" for k in found.ranks)], human),
        "identification": (["model", "FPIR at most", "threshold", "FNIR"], alone),
    }


def _measured(cell: FigureCell) -> str:
    return measured(cell.value, cell.low, cell.high, cell.is_rate)


def _tested(test: Difference, is_rate: bool) -> tuple[str, str, str]:
    """Return difference, interval and p-value as text."""
    return signed(test.difference, is_rate), ends(test.low, test.high, is_rate), p_bare(test.p)


def _pairs(errors: GroupErrors) -> str:
    return f"{errors.sitters} sitters, {count(errors.genuine)} genuine and {count(errors.impostor)} impostor pairs"


def _of_group(rate: GroupRate) -> tuple[str, str, str]:
    """Return an error rate in percent, its interval, and whether it differs from the rest."""
    if rate.value is None:
        return NONE, "", ""
    verdict = f"{rate.verdict}, {p_value(rate.p)}" if rate.verdict else ""
    return percent(rate.value, unit=False), interval(rate.low, rate.high) or "too few sitters", verdict
