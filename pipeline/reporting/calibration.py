"""The calibration of the models' likelihood ratios: a table and three plots for each benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.identification.verbal import verbal
from pipeline.reporting.lines import Lines, drawn, within
from pipeline.reporting.series import Series, Styles
from pipeline.reporting.standings import FigureCell
from pipeline.reporting.svg import Chart
from pipeline.store.benchmarks import Benchmark
from pipeline.store.curves import CrossEntropy, Curve, Point, Reliability, Tippett
from pipeline.store.figure_names import CLLR, CLLR_CAL, CLLR_MIN, LLR_HIGHEST

COSTS = (CLLR, CLLR_MIN, CLLR_CAL)
WIDEST = 6.0
"""log10 LRs beyond this are drawn at the edge."""


@dataclass(frozen=True)
class Calibrated:
    """The row of one model."""

    style: Series
    figures: list[FigureCell]
    """Cllr, its minimum, and the calibration loss."""
    reach: str
    """The strongest support for "same sitter" that the data allow, in words; empty where there is none."""
    note: str


@dataclass(frozen=True)
class CalibrationChapter:
    """The calibration of all models on one benchmark."""

    rows: list[Calibrated]
    charts: list[tuple[str, Chart]]
    """Caption and picture of each plot."""


def calibration(benchmark: Benchmark, styles: Styles) -> CalibrationChapter | None:
    """Return the calibration of every model of a benchmark; None where none has any."""
    rows = []
    for model in benchmark.models:
        if benchmark.value(model, CLLR) is None:
            continue
        highest = benchmark.value(model, LLR_HIGHEST)
        rows.append(
            Calibrated(
                styles[model],
                [FigureCell(benchmark.value(model, f), False, *benchmark.interval(model, f)) for f in COSTS],
                "" if highest is None else verbal(highest),
                benchmark.note(model, CLLR),
            )
        )
    if not rows:
        return None
    charts = [
        ("Tippett plot: the share of genuine pairs (upper line) and of impostor pairs (lower line) with at "
         "least this LR.",
         _drawn(benchmark, styles, Tippett, ("log10 LR", "pairs, %"))),
        ("Reliability: LRs recalibrated by PAV over the LRs given; on the dotted line both are equal.",
         _drawn(benchmark, styles, Reliability, ("log10 LR given", "log10 LR by PAV"))),
        ("Empirical cross-entropy over the prior odds: lower is better. The dotted line is for no comparison at all.",
         _drawn(benchmark, styles, CrossEntropy, ("prior log10 odds", "cross-entropy, bits"))),
    ]  # fmt: skip
    return CalibrationChapter(rows, [(caption, chart) for caption, chart in charts if chart])


def _drawn(benchmark: Benchmark, styles: Styles, curve: type[Curve], titles: tuple[str, str]) -> Chart | None:
    """Return a plot with the lines of each model; None where no model has the curve."""
    what = Lines(f"{curve.name} of the models on {benchmark.name}.", titles, WIDEST)
    by_model = benchmark.curve(curve)
    return drawn(by_model, styles, what, _rule(list(by_model.values())))


def _rule(curves: Sequence[Curve]) -> list[Point]:
    """Return the points of the dotted line that a plot's lines are compared with; none for other curves."""
    first = curves[0] if curves else None
    if isinstance(first, Reliability):
        llrs = [llr for found in curves for llr, _ in within(found.line(), WIDEST)]
        return [(min(llrs), min(llrs)), (max(llrs), max(llrs))] if llrs else []
    return within(first.without_ratios(), WIDEST) if isinstance(first, CrossEntropy) else []
