"""A chart with a line for each model, over linear axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.reporting.number_format import plain
from pipeline.reporting.series import Styles
from pipeline.reporting.svg import Axis, Chart, DottedLine, Line, linear_ticks
from pipeline.store.curves import Curve, Point


@dataclass(frozen=True)
class Lines:
    """The description of a chart."""

    label: str
    """The text for screen readers."""
    titles: tuple[str, str]
    """Titles of both axes; a title that ends in % belongs to rates, which are shown in percent."""
    widest: float = float("inf")
    """Values beyond ± `widest` are drawn at the edge."""


def drawn(curve: Mapping[str, Curve], styles: Styles, what: Lines, rule: Sequence[Point] = ()) -> Chart | None:
    """Return the chart; None where no model has the curve, or all points have the same x.

    Args:
        curve: the curve of each model.
        styles: colour and line of each model.
        what: the description of the chart.
        rule: points of a dotted line for comparison.
    """
    lines = [
        (m, found) for m in styles if m in curve for line in curve[m].lines() if (found := within(line, what.widest))
    ]
    everything = [p for _, found in lines for p in found]
    if not lines or min(p[0] for p in everything) == max(p[0] for p in everything):
        return None
    low, high = min(p[0] for p in everything), max(p[0] for p in everything)
    heights = [p[1] for p in (*everything, *rule)]
    bottom, top = min(0.0, *heights), max(heights) or 1.0

    def axis(low: float, high: float, end: float, about: int, title: str) -> Axis:
        scale = 100 if title.endswith("%") else 1
        return Axis(low, end, [(t, plain(scale * t)) for t in linear_ticks(low, high, about)], title)

    x, y = axis(low, high, high, 6, what.titles[0]), axis(bottom, top, top * 1.02, 5, what.titles[1])
    dotted = [DottedLine(rule)] if rule else []
    return Chart(x, y, what.label, [*dotted, *(Line(found, styles[model].css, model) for model, found in lines)])


def within(line: Sequence[Point], widest: float = float("inf")) -> list[Point]:
    """Return points, sorted; values beyond ± `widest` are set to ± `widest`."""
    return sorted((max(-widest, min(widest, a)), max(-widest, min(widest, b))) for a, b in line)
