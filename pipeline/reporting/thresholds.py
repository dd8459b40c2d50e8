"""The box of a benchmark that says which threshold to use for each model."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.reporting.headings import heading
from pipeline.reporting.lines import Lines, drawn
from pipeline.reporting.series import Series, Styles
from pipeline.reporting.standings import FigureCell, rate_cell
from pipeline.reporting.svg import Chart
from pipeline.store.benchmarks import Benchmark
from pipeline.store.curves import ExpectedPerformance
from pipeline.store.figure_names import EER_THRESHOLD, FMR, FNMR, THRESHOLD, at, chosen, parted


@dataclass(frozen=True)
class ThresholdRow:
    """One operating point of a model: its thresholds, and the errors at the threshold chosen on validation sitters."""

    aim: str
    """The aim of the threshold: equal errors, or an FMR."""
    own: float | None
    chosen: float | None
    fmr: FigureCell
    fnmr: FigureCell


@dataclass(frozen=True)
class Choice:
    """The box of a benchmark."""

    advice: str
    rows: list[tuple[Series, list[ThresholdRow]]]
    epc: Chart | None
    """The expected performance curve; None without validation sitters."""


EPC_LABEL = "Expected performance on {}: half total error rate at thresholds chosen on validation sitters."
CHOSEN = (
    "Use the threshold that was chosen on validation sitters for the share of false matches that you can accept. The "
    "errors beside it are measured on other sitters, who had no part in the choice. The test's own thresholds were "
    "chosen on the test sitters, so their errors are too low."
)
NOT_CHOSEN = (
    "These thresholds were chosen on the test sitters themselves, so that other sitters will give more errors. Set a "
    "`val` share in the split: thresholds are then chosen on validation sitters."
)


def thresholds(benchmark: Benchmark, styles: Styles) -> Choice | None:
    """Return the operating points of every model of a benchmark; None where it has no thresholds of pairs."""
    if benchmark.kind == "identification":
        return None
    aims = [EER_THRESHOLD, *(name for name in benchmark.shown if parted(name)[0] == THRESHOLD)]
    rows = []
    for model in benchmark.models:
        points = [_point(benchmark, model, aim) for aim in aims if benchmark.value(model, aim) is not None]
        if points:
            rows.append((styles[model], points))
    if not rows:
        return None
    validated = any(point.chosen is not None for _, points in rows for point in points)
    what = Lines(EPC_LABEL.format(benchmark.name), ("weight of a false match, α", "HTER, %"))
    epc = drawn(benchmark.curve(ExpectedPerformance), styles, what)
    return Choice(CHOSEN if validated else NOT_CHOSEN, rows, epc)


def _point(benchmark: Benchmark, model: str, own: str) -> ThresholdRow:
    validated, far = chosen(own), parted(own)[1]
    return ThresholdRow(
        aim=f"FMR {heading(far)}" if far else "equal errors",
        own=benchmark.value(model, own),
        chosen=benchmark.value(model, validated),
        fmr=rate_cell(benchmark, model, at(FMR, validated)),
        fnmr=rate_cell(benchmark, model, at(FNMR, validated)),
    )
