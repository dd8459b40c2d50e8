"""Line charts as small inline SVG whose colours the page sets: one picture serves light, dark and paper.

matplotlib's SVG would be tens of times larger and could not follow the reader's colour scheme. All coordinates are in
the units of the view box, rounded to a tenth, so that equal data gives equal bytes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

from markupsafe import Markup

Point = tuple[float, float]


@dataclass(frozen=True)
class Axis:
    """One axis: its limits, the values that are marked with their labels, its title, and its scale."""

    low: float
    high: float
    ticks: Sequence[tuple[float, str]]
    title: str
    forward: Callable[[float], float] = float

    def place(self, value: float) -> float:
        """Position of a value between the axis's ends (0 … 1); beyond them, the nearer end."""
        low, high = self.forward(self.low), self.forward(self.high)
        return (self.forward(min(max(value, self.low), self.high)) - low) / (high - low)


def probit(rate: float) -> float:
    """Quantile of the standard normal distribution: the scale of DET curves (Martin et al., 1997)."""
    return NormalDist().inv_cdf(min(max(rate, 1e-9), 1 - 1e-9))


def linear_ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round values between two limits, about as many as asked for.

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


@dataclass(frozen=True)
class Chart:
    """A chart's box: size of the view box, the two axes, and the words that stand for it where it is not seen."""

    x: Axis
    y: Axis
    label: str
    width: int = 420
    height: int = 310
    left: int = 46
    bottom: int = 40
    top: int = 8
    right: int = 12

    def px(self, value: float) -> float:
        """Horizontal position of a value."""
        return round(self.left + self.x.place(value) * (self.width - self.left - self.right), 1)

    def py(self, value: float) -> float:
        """Vertical position of a value."""
        return round(self.top + (1 - self.y.place(value)) * (self.height - self.top - self.bottom), 1)

    def path(self, points: Iterable[Point], close: bool = False) -> str:
        """The `d` of a path through points in data units; points that fall together are drawn once."""
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

    def line(self, points: Iterable[Point], css: str, title: str = "") -> Markup:
        """A line through points, with a title that shows under the mouse."""
        return Markup('<path class="line {}" d="{}"><title>{}</title></path>').format(css, self.path(points), title)

    def area(self, points: Sequence[Point], css: str) -> Markup:
        """The area between points and the foot of the chart."""
        if not points:
            return Markup()
        foot = self.y.low
        outline = [(points[0][0], foot), *points, (points[-1][0], foot)]
        return Markup('<path class="area {}" d="{}"/>').format(css, self.path(outline, close=True))

    def upright(self, x: float, css: str, text: str = "") -> Markup:
        """A vertical rule at a value, with words at its head."""
        at = self.px(x)
        words = Markup('<text class="note" x="{}" y="{}">{}</text>').format(at + 3, self.top + 10, text) if text else ""
        rule = Markup('<line class="{}" x1="{}" x2="{}" y1="{}" y2="{}"/>')
        return rule.format(css, at, at, self.top, self.height - self.bottom) + words

    def shade(self, x0: float, x1: float, title: str) -> Markup:
        """A band over the whole height, between two values."""
        a, b = self.px(x0), self.px(x1)
        box = Markup('<rect class="shade" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>')
        return box.format(a, self.top, round(b - a, 1), self.height - self.top - self.bottom, title)

    def dot(self, x: float, y: float, css: str, title: str) -> Markup:
        """A point."""
        mark = Markup('<circle class="dot {}" cx="{}" cy="{}" r="3.5"><title>{}</title></circle>')
        return mark.format(css, self.px(x), self.py(y), title)

    def svg(self, *content: Markup) -> Markup:
        """The whole picture: grid, ticks and titles, then the content in order."""
        parts = [Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">')]
        parts[0] = parts[0].format(self.width, self.height, self.label)
        foot, head = self.height - self.bottom, self.top
        for value, text in self.x.ticks:
            at = self.px(value)
            parts.append(Markup('<line class="grid" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>').format(at, head, foot))
            parts.append(Markup('<text class="tick" x="{}" y="{}">{}</text>').format(at, foot + 14, text))
        for value, text in self.y.ticks:
            at = self.py(value)
            right = self.width - self.right
            parts.append(
                Markup('<line class="grid" x1="{0}" x2="{1}" y1="{2}" y2="{2}"/>').format(self.left, right, at)
            )
            parts.append(Markup('<text class="tick y" x="{}" y="{}">{}</text>').format(self.left - 5, at + 3.5, text))
        middle = (self.left + self.width - self.right) / 2
        if self.x.title:
            parts.append(Markup('<text class="axis" x="{}" y="{}">{}</text>').format(middle, foot + 31, self.x.title))
        if self.y.title:
            turn = Markup('<text class="axis" transform="translate(11 {}) rotate(-90)">{}</text>')
            parts.append(turn.format((head + foot) / 2, self.y.title))
        return Markup("").join([*parts, *content, Markup("</svg>")])
