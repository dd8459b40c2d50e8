"""Line charts as small inline SVG with colours from the page: one picture serves light mode, dark mode and paper.

A chart is an object with axes and marks. It is drawn when a template shows it.

matplotlib's SVG would be tens of times larger and could not follow the reader's colour scheme. All coordinates are in
the units of the view box, rounded to a tenth, so that equal data give equal bytes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Protocol

from markupsafe import Markup

from pipeline.store.curves import Point


@dataclass(frozen=True)
class Axis:
    """One axis: its limits, its tick marks with their labels, its title, and its scale."""

    low: float
    high: float
    ticks: Sequence[tuple[float, str]]
    title: str
    forward: Callable[[float], float] = float

    def place(self, value: float) -> float:
        """Return the position of a value on the axis (0 … 1); a value beyond the limits is placed at the nearer end."""
        low, high = self.forward(self.low), self.forward(self.high)
        return (self.forward(min(max(value, self.low), self.high)) - low) / (high - low)


def probit(rate: float) -> float:
    """Return the quantile of the standard normal distribution: the scale of DET curves (Martin et al., 1997)."""
    return NormalDist().inv_cdf(min(max(rate, 1e-9), 1 - 1e-9))


def linear_ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Return round values between two limits; `about` is their approximate number.

    >>> linear_ticks(0, 1)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    raw = (high - low) / about
    if raw <= 0:
        return [low]
    unit = 10 ** math.floor(math.log10(raw))
    step = min((unit * m for m in (1, 2, 5, 10)), key=lambda s: abs(s - raw))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(i * step, 12) + 0.0 for i in range(first, last + 1)]


class Mark(Protocol):
    """Something in a chart."""

    def drawn(self, chart: Chart) -> Markup:
        """Return the mark as SVG, placed by the chart's axes."""


@dataclass(frozen=True)
class Chart:
    """A chart: two axes, a label for screen readers, marks, and the size and margins of the box."""

    x: Axis
    y: Axis
    label: str
    marks: Sequence[Mark] = ()
    """In the order in which they are drawn."""
    width: int = 420
    height: int = 310
    left: int = 46
    bottom: int = 40
    top: int = 8
    right: int = 12

    def px(self, value: float) -> float:
        """Return the horizontal position of a value."""
        return round(self.left + self.x.place(value) * (self.width - self.left - self.right), 1)

    def py(self, value: float) -> float:
        """Return the vertical position of a value."""
        return round(self.top + (1 - self.y.place(value)) * (self.height - self.top - self.bottom), 1)

    def path(self, points: Iterable[Point], close: bool = False) -> str:
        """Return the attribute `d` of a path through points in data units; points at one place are drawn once."""
        placed: list[Point] = []
        for x, y in points:
            here = (self.px(x), self.py(y))
            if len(placed) > 1 and (
                placed[-2][0] == placed[-1][0] == here[0] or placed[-2][1] == placed[-1][1] == here[1]
            ):
                placed[-1] = here
            elif not placed or placed[-1] != here:
                placed.append(here)
        return "M" + "L".join(f"{x:g},{y:g}" for x, y in placed) + ("Z" if close else "")

    def __html__(self) -> Markup:
        """Return the whole picture for a template: grid, ticks and titles, then the marks in their order."""
        opened = Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">')
        parts = [opened.format(self.width, self.height, self.label), *self._grid(), *self._titles()]
        return Markup("").join([*parts, *(mark.drawn(self) for mark in self.marks), Markup("</svg>")])

    def _grid(self) -> Iterator[Markup]:
        foot, head = self.height - self.bottom, self.top
        for value, text in self.x.ticks:
            at = self.px(value)
            yield Markup('<line class="grid" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>').format(at, head, foot)
            yield Markup('<text class="tick" x="{}" y="{}">{}</text>').format(at, foot + 14, text)
        for value, text in self.y.ticks:
            at, right = self.py(value), self.width - self.right
            yield Markup('<line class="grid" x1="{0}" x2="{1}" y1="{2}" y2="{2}"/>').format(self.left, right, at)
            yield Markup('<text class="tick y" x="{}" y="{}">{}</text>').format(self.left - 5, at + 3.5, text)

    def _titles(self) -> Iterator[Markup]:
        foot = self.height - self.bottom
        if self.x.title:
            middle = (self.left + self.width - self.right) / 2
            yield Markup('<text class="axis" x="{}" y="{}">{}</text>').format(middle, foot + 31, self.x.title)
        if self.y.title:
            turn = Markup('<text class="axis" transform="translate(11 {}) rotate(-90)">{}</text>')
            yield turn.format((self.top + foot) / 2, self.y.title)


@dataclass(frozen=True)
class Line:
    """A line through points, with a title that is shown when the mouse is over it."""

    points: Sequence[Point]
    css: str
    title: str = ""

    def drawn(self, chart: Chart) -> Markup:
        """Return the line as SVG."""
        line = Markup('<path class="line {}" d="{}"><title>{}</title></path>')
        return line.format(self.css, chart.path(self.points), self.title)


@dataclass(frozen=True)
class DottedLine:
    """A dotted line through points, for comparison with other lines."""

    points: Sequence[Point]

    def drawn(self, chart: Chart) -> Markup:
        """Return the line as SVG."""
        return Markup('<path class="rule" d="{}"/>').format(chart.path(self.points))


@dataclass(frozen=True)
class Area:
    """The area between points and the bottom of the chart; without points, nothing is drawn."""

    points: Sequence[Point]
    css: str

    def drawn(self, chart: Chart) -> Markup:
        """Return the area as SVG."""
        if not self.points:
            return Markup()
        foot = chart.y.low
        outline = [(self.points[0][0], foot), *self.points, (self.points[-1][0], foot)]
        return Markup('<path class="area {}" d="{}"/>').format(self.css, chart.path(outline, close=True))


@dataclass(frozen=True)
class Upright:
    """A vertical rule at a value."""

    x: float
    css: str

    def drawn(self, chart: Chart) -> Markup:
        """Return the rule as SVG."""
        rule, at = Markup('<line class="{}" x1="{}" x2="{}" y1="{}" y2="{}"/>'), chart.px(self.x)
        return rule.format(self.css, at, at, chart.top, chart.height - chart.bottom)


@dataclass(frozen=True)
class Shade:
    """A band over the whole height, between two values."""

    low: float
    high: float
    title: str

    def drawn(self, chart: Chart) -> Markup:
        """Return the band as SVG."""
        a, b = chart.px(self.low), chart.px(self.high)
        box = Markup('<rect class="shade" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>')
        return box.format(a, chart.top, round(b - a, 1), chart.height - chart.top - chart.bottom, self.title)


@dataclass(frozen=True)
class Dot:
    """A point."""

    x: float
    y: float
    css: str
    title: str

    def drawn(self, chart: Chart) -> Markup:
        """Return the point as SVG."""
        mark = Markup('<circle class="dot {}" cx="{}" cy="{}" r="3.5"><title>{}</title></circle>')
        return mark.format(self.css, chart.px(self.x), chart.py(self.y), self.title)


@dataclass(frozen=True)
class Spots:
    """Many small points of one colour, drawn as one path: each part has no length and appears as a dot."""

    points: Sequence[Point]
    css: str
    title: str

    def drawn(self, chart: Chart) -> Markup:
        """Return the points as SVG."""
        path = "".join(f"M{chart.px(x):g},{chart.py(y):g}h0" for x, y in self.points)
        spots = Markup('<path class="spot {}" d="{}"><title>{}: {}</title></path>')
        return spots.format(self.css, path, self.title, len(self.points))
