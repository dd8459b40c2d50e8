"""Tables of a study for a paper: LaTeX (booktabs), Markdown and CSV, with only the digits that intervals support."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping

from tabulate import tabulate

from pipeline.reporting.headings import heading
from pipeline.store.benchmarks import Benchmark
from pipeline.store.figures import HIGH, LOW

FORMS: Mapping[str, str] = {".tex": "latex_booktabs", ".md": "pipe"}
"""tabulate's name of each format, by the ending of the file."""


def paper_tables(benchmark: Benchmark) -> dict[str, str]:
    """Return the table of a benchmark by the ending of its file: `.tex`, `.md` and `.csv`.

    The table has a row for each model, and a column for each figure that models are judged by, with its interval. In
    LaTeX and Markdown the best value is bold. In CSV, values and the ends of intervals have columns of their own.
    """
    told = {ending: tabulate(_cells(benchmark, ending), _headings(benchmark), form, disable_numparse=True)
            for ending, form in FORMS.items()}  # fmt: skip
    told[".tex"] = told[".tex"].replace(BOLD_LATEX, r"\textbf{").replace(BOLD_END, "}").replace("–", "--")
    return {ending: text + "\n" for ending, text in told.items()} | {".csv": _csv(benchmark)}


# tabulate escapes braces and backslashes in LaTeX: these placeholders are replaced by them afterwards.
BOLD_LATEX, BOLD_END = "\ue000", "\ue001"


def _headings(benchmark: Benchmark) -> list[str]:
    return ["model", *(heading(f) + (", %" if benchmark.percent(f) else "") for f in benchmark.figures)]


def _cells(benchmark: Benchmark, ending: str) -> list[list[str]]:
    def strong(text: str) -> str:
        return f"{BOLD_LATEX}{text}{BOLD_END}" if ending == ".tex" else f"**{text}**"

    rows = []
    for model in benchmark.models:
        row = [model]
        for figure in benchmark.figures:
            values = rounded(benchmark, model, figure)
            if values is None:
                row.append("–")
                continue
            value, low, high = values
            first = model in benchmark.best(figure)
            row.append((strong(value) if first else value) + (f" [{low}, {high}]" if low else ""))
        rows.append(row)
    return rows


def rounded(benchmark: Benchmark, model: str, figure: str) -> tuple[str, str, str] | None:
    """Return a figure and the ends of its interval as text, rates in percent; None where there is none.

    The number of decimals is chosen so that half the width of the interval has two significant digits; it is three at
    most. Without an interval, a rate has one decimal and any other figure three.
    """
    scale = 100 if benchmark.percent(figure) else 1
    value, (low, high) = benchmark.value(model, figure), benchmark.interval(model, figure)
    if value is None:
        return None
    if low is None or high is None:
        return f"{scale * value:.{1 if scale == 100 else 3}f}", "", ""
    half = scale * (high - low) / 2
    places = 1 if half <= 0 else min(3, max(0, 1 - math.floor(math.log10(half))))
    told = [f"{scale * x:.{places}f}" for x in (value, low, high)]
    return told[0], told[1], told[2]


def _csv(benchmark: Benchmark) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns: list[str] = ["model"]
    for figure in benchmark.figures:
        columns += [figure, f"{figure}{LOW}", f"{figure}{HIGH}"]
    writer.writerow(columns)
    for model in benchmark.models:
        row: list[str] = [model]
        for figure in benchmark.figures:
            row += rounded(benchmark, model, figure) or ("", "", "")
        writer.writerow(row)
    return text.getvalue()
