"""The further tables of a benchmark for a paper, as the report has them: tests, thresholds, calibration, groups.

Their CSV files hold the same text; the numbers with all their digits are in `results/tables/` and `results/curves/`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping

from tabulate import tabulate

from pipeline.reporting.by_group import by_group
from pipeline.reporting.calibration import calibration
from pipeline.reporting.declared import declared
from pipeline.reporting.discard import discard
from pipeline.reporting.failures import failures
from pipeline.reporting.paper_tables import FORMS
from pipeline.reporting.read import Benchmark, Series
from pipeline.reporting.searches import searched
from pipeline.reporting.standings import listed
from pipeline.reporting.thresholds import thresholds

Table = tuple[list[str], list[list[str]]]
"""Headings, and rows of text."""
LATEX = {"–": "--", "−": "$-$", "\N{NO-BREAK SPACE}": "~", "′": "$'$", "’": "'", "±": r"$\pm$", "≥": r"$\geq$"}
"""Characters that plain LaTeX does not have."""


def folds(benchmark: Benchmark, styles: Mapping[str, Series]) -> dict[str, Table]:
    """Return the tables by name; those of which a benchmark says nothing are left out."""
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
            [r.style.name, r.group, r.pairs, *(t for x in r.rates for t in (x.text, x.interval, x.verdict))]
            for r in one.rows
        ]
        found[f"groups-{one.column}"] = headings, rows
    return {name: table for name, table in found.items() if table[1]}


def written(table: Table) -> dict[str, str]:
    """Return a table by the ending of its file: `.tex`, `.md` and `.csv`."""
    headings, rows = table
    told = {end: tabulate(rows, headings, form, disable_numparse=True) + "\n" for end, form in FORMS.items()}
    for character, latex in LATEX.items():
        told[".tex"] = told[".tex"].replace(character, latex)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([headings, *rows])
    return told | {".csv": text.getvalue()}


def _baseline(benchmark: Benchmark, styles: Mapping[str, Series]) -> Table:
    found = declared(benchmark, styles)
    headings = ["model", "figure", f"minus {found.baseline}" if found else "", "interval", "p (Holm)", "verdict"]
    rows = found.rows if found else []
    return headings, [[t.style.name, t.figure, t.difference, t.interval, t.p, t.verdict] for t in rows]


def _differences(benchmark: Benchmark) -> Table:
    headings = ["figure", "model", "minus model", "difference", "interval", "p (Holm)", "significant"]
    rows = [[t.figure, t.a, t.b, t.difference, t.interval, t.p, "yes" if t.significant else "no"]
            for t in listed(benchmark)]  # fmt: skip
    return headings, rows


def _thresholds(benchmark: Benchmark, styles: Mapping[str, Series]) -> Table:
    found = thresholds(benchmark, styles)
    headings = ["model", "chosen for", "threshold (validation)", "FMR, test", "FNMR, test", "threshold (test's own)"]
    points = [(style.name, p) for style, of_one in (found.rows if found else []) for p in of_one]
    return headings, [[name, p.aim, p.chosen, p.fmr, p.fnmr, p.own] for name, p in points]


def _calibration(benchmark: Benchmark, styles: Mapping[str, Series]) -> Table:
    found = calibration(benchmark, styles)
    headings = ["model", "Cllr", "at least", "loss", "strongest LR supported", "calibration"]
    rows = [[r.style.name, r.cllr, r.least, r.loss, r.reach, r.note] for r in (found.rows if found else [])]
    return headings, rows


def _failures(benchmark: Benchmark, styles: Mapping[str, Series]) -> Table:
    found = failures(benchmark, styles)
    headings = ["model", "comparisons alone", "value", "failures counted", "value"]
    rows = [[r.style.name, r.alone_name, r.alone, r.name, r.counted] for r in (found.rows if found else [])]
    return headings, rows


def _discard(benchmark: Benchmark, styles: Mapping[str, Series]) -> Table:
    found = discard(benchmark, styles)
    return (["model", *found.qualities], [[s.name, *areas] for s, areas in found.rows]) if found else ([], [])


def _searched(benchmark: Benchmark, styles: Mapping[str, Series]) -> dict[str, Table]:
    found = searched(benchmark, styles)
    if not found:
        return {}
    rows = [[a.style.name, a.fpir, a.threshold, a.fnir] for a in found.automatic]
    return {
        "investigation": (["model", *(f"FNIR, {k}" for k in found.ranks)], [[s.name, *r] for s, r in found.human]),
        "identification": (["model", "FPIR at most", "threshold", "FNIR"], rows),
    }
