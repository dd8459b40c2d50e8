"""Which threshold to use, for each model: the box of a benchmark that answers it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from pipeline.reporting import numbers
from pipeline.reporting.lines import Lines, drawn
from pipeline.reporting.numbers import NONE
from pipeline.reporting.read import Benchmark, Series
from pipeline.reporting.tables import heading


@dataclass(frozen=True)
class Point:
    """One operating point of one model: its thresholds as text, and the errors at the one chosen on validation."""

    aim: str
    """What the threshold is chosen for: EER, or an FMR."""
    own: str
    chosen: str
    fmr: str
    fnmr: str


@dataclass(frozen=True)
class Choice:
    """The box of a benchmark."""

    advice: str
    rows: list[tuple[Series, list[Point]]]
    epc: Markup
    """The expected performance curve; empty without validation sitters."""


EPC_LABEL = "Expected performance on {}: half total error rate at thresholds chosen on validation sitters."
CHOSEN = (
    "Use the threshold that was chosen on validation sitters for the share of strangers that you can bear: the errors "
    "beside it are those of sitters that had no part in the choice. The test's own thresholds know the answers."
)
NOT_CHOSEN = (
    "These thresholds were read off the test sitters themselves, so that other sitters will give more errors: set a "
    "`val` share in the split to have them chosen on validation sitters."
)


def thresholds(benchmark: Benchmark, styles: Mapping[str, Series]) -> Choice | None:
    """The operating points of every model of a benchmark; None where it has no thresholds of pairs."""
    if benchmark.kind == "identification":
        return None
    aims = ["eer_threshold", *(s for s in benchmark.scalars if s.startswith("threshold@"))]
    rows = []
    for model in benchmark.models:
        points = [_point(benchmark, model, aim) for aim in aims if benchmark.value(model, aim) is not None]
        if points:
            rows.append((styles[model], points))
    if not rows:
        return None
    validated = any(point.chosen != NONE for _, points in rows for point in points)
    what = Lines(EPC_LABEL.format(benchmark.name), "alpha", ("hter",), ("weight of a false match, α", "HTER, %"))
    epc = drawn(benchmark.curves.get("epc", {}), styles, what)
    return Choice(CHOSEN if validated else NOT_CHOSEN, rows, epc)


def _point(benchmark: Benchmark, model: str, own: str) -> Point:
    chosen = f"val_{own}"
    far = own.partition("@")[2]
    return Point(
        aim=f"FMR {heading(far)}" if far else "equal errors",
        own=_decimal(benchmark.value(model, own)),
        chosen=_decimal(benchmark.value(model, chosen)),
        fmr=_rate(benchmark, model, f"fmr@{chosen}"),
        fnmr=_rate(benchmark, model, f"fnmr@{chosen}"),
    )


def _decimal(value: float | None) -> str:
    """A threshold with the digits that tell scores apart."""
    return NONE if value is None else f"{value:.4g}".replace("-", "−")


def _rate(benchmark: Benchmark, model: str, figure: str) -> str:
    value, low, high = (benchmark.value(model, f"{figure}{end}") for end in ("", "_low", "_high"))
    return NONE if value is None else f"{numbers.percent(value)} {numbers.interval(low, high)}".strip()
