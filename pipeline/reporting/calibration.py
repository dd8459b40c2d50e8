"""How well the models' likelihood ratios are calibrated: a table and three figures for each benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from pipeline.calibration.verbal import verbal
from pipeline.reporting import numbers
from pipeline.reporting.numbers import NONE, number, plain
from pipeline.reporting.read import Benchmark, Row, Series
from pipeline.reporting.svg import Axis, Chart, Point, linear_ticks

WIDEST = 6.0
"""log10 LRs beyond this are drawn at the edge."""


@dataclass(frozen=True)
class Calibrated:
    """One model's row."""

    style: Series
    cllr: str
    least: str
    loss: str
    reach: str
    """The strongest statement that the data support for the same sitter, in words."""
    note: str


@dataclass(frozen=True)
class Calibration:
    """The fold of a benchmark."""

    rows: list[Calibrated]
    charts: list[tuple[str, Markup]]
    """Caption, picture."""


def calibration(benchmark: Benchmark, styles: Mapping[str, Series]) -> Calibration | None:
    """The calibration of every model of a benchmark; None where none has any."""
    rows = []
    for model in benchmark.models:
        if benchmark.value(model, "cllr") is None:
            continue
        highest = benchmark.value(model, "llr_highest")
        rows.append(
            Calibrated(
                styles[model],
                _figure(benchmark, model, "cllr"),
                _figure(benchmark, model, "cllr_min"),
                _figure(benchmark, model, "cllr_cal"),
                NONE if highest is None else verbal(highest),
                str(benchmark.metrics[model].get("cllr_note") or ""),
            )
        )
    if not rows:
        return None
    charts = [
        ("Tippett plot: the share of genuine pairs (upper line) and of impostor pairs (lower line) whose LR is at "
         "least as high.",
         _drawn(benchmark, styles, "tippett", ("llr", ("genuine", "impostor")), ("log10 LR", "pairs, %"))),
        ("Reliability: what an LR is worth by PAV; on the dotted line it is worth what it says.",
         _drawn(benchmark, styles, "reliability", ("llr", ("pav",)), ("log10 LR given", "log10 LR by PAV"))),
        ("Empirical cross-entropy over the prior odds: lower is better; dotted, without any comparison.",
         _drawn(benchmark, styles, "ece", ("log10_odds", ("ece",)), ("prior log10 odds", "cross-entropy, bits"))),
    ]  # fmt: skip
    return Calibration(rows, [(caption, svg) for caption, svg in charts if svg])


def _figure(benchmark: Benchmark, model: str, figure: str) -> str:
    value, low, high = (benchmark.value(model, f"{figure}{end}") for end in ("", "_low", "_high"))
    return NONE if value is None else f"{numbers.decimal(value)} {numbers.interval(low, high, is_rate=False)}".strip()


def _drawn(
    benchmark: Benchmark,
    styles: Mapping[str, Series],
    curve: str,
    columns: tuple[str, tuple[str, ...]],
    titles: tuple[str, str],
) -> Markup:
    """One figure with a line for each model and column; empty where no model has the curve."""
    x, ys = columns
    lines = [
        (model, points)
        for model in styles
        for y in ys
        if (points := _points(benchmark.curves.get(curve, {}).get(model, []), x, y))
    ]
    if not lines:
        return Markup()
    everything = [p for _, points in lines for p in points]
    low, high = min(p[0] for p in everything), max(p[0] for p in everything)
    if low == high:
        return Markup()
    rule = _rule(benchmark, curve, low, high)
    heights = [p[1] for p in (*everything, *rule)]
    bottom, top = min(0.0, *heights), max(heights) or 1.0
    unit = 100 if titles[1].endswith("%") else 1
    chart = Chart(
        Axis(low, high, [(t, plain(t)) for t in linear_ticks(low, high, 6)], titles[0]),
        Axis(bottom, top * 1.02, [(t, plain(unit * t)) for t in linear_ticks(bottom, top, 5)], titles[1]),
        f"{curve} of the models on {benchmark.name}.",
    )
    dotted = Markup('<path class="rule" d="{}"/>').format(chart.path(rule)) if rule else Markup()
    return chart.svg(dotted, *(chart.line(points, styles[model].css, model) for model, points in lines))


def _rule(benchmark: Benchmark, curve: str, low: float, high: float) -> list[Point]:
    """What a figure's lines are compared with."""
    if curve == "reliability":
        return [(low, low), (high, high)]
    if curve == "ece":
        by_model = benchmark.curves.get(curve, {})
        return _points(next((rows for rows in by_model.values() if rows), []), "log10_odds", "neutral")
    return []


def _points(rows: list[Row], x: str, y: str) -> list[Point]:
    found = [(a, b) for r in rows if (a := number(r.get(x))) is not None and (b := number(r.get(y))) is not None]
    return sorted((max(-WIDEST, min(WIDEST, a)), max(-WIDEST, min(WIDEST, b))) for a, b in found)
