"""How well the models' likelihood ratios are calibrated: a table and three figures for each benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from pipeline.calibration.verbal import verbal
from pipeline.reporting import numbers
from pipeline.reporting.lines import Lines, drawn, points
from pipeline.reporting.numbers import NONE
from pipeline.reporting.read import Benchmark, Row, Series
from pipeline.reporting.svg import Point

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
    by_model = benchmark.curves.get(curve, {})
    what = Lines(f"{curve} of the models on {benchmark.name}.", *columns, titles, WIDEST)
    return drawn(by_model, styles, what, _rule(by_model, curve))


def _rule(by_model: Mapping[str, list[Row]], curve: str) -> list[Point]:
    """What a figure's lines are compared with."""
    if curve == "reliability":
        llrs = [p[0] for rows in by_model.values() for p in points(rows, "llr", "pav", WIDEST)]
        return [(min(llrs), min(llrs)), (max(llrs), max(llrs))] if llrs else []
    if curve == "ece":
        return points(next((rows for rows in by_model.values() if rows), []), "log10_odds", "neutral", WIDEST)
    return []
