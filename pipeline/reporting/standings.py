"""Tables of the report: how the models stand on a benchmark, against each other, and on all benchmarks together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.reporting import numbers
from pipeline.reporting.numbers import NONE
from pipeline.reporting.read import Benchmark, Difference, Series
from pipeline.reporting.svg import linear_ticks
from pipeline.reporting.tables import best, heading
from pipeline.reporting.verdict import on_a_par


@dataclass(frozen=True)
class Cell:
    """One figure of one model."""

    text: str
    interval: str = ""
    note: str = ""
    best: bool = False
    par: bool = False
    """Not told from the best by the paired test."""


@dataclass(frozen=True)
class Bar:
    """An interval on a scale, in percent of the scale's length."""

    at: float
    low: float
    width: float


@dataclass(frozen=True)
class Standing:
    """One model's row."""

    style: Series
    cells: list[Cell]
    bar: Bar | None


@dataclass(frozen=True)
class Scale:
    """A linear scale below which bars are drawn."""

    low: float
    high: float
    ticks: list[tuple[float, str]]
    """Place in percent of the length, label."""

    def place(self, value: float) -> float:
        """Place of a value in percent of the length, within the scale."""
        return round(100 * (min(max(value, self.low), self.high) - self.low) / (self.high - self.low), 2)

    def bar(self, value: float | None, low: float | None, high: float | None) -> Bar | None:
        """A value and its interval."""
        if value is None:
            return None
        start, end = self.place(value if low is None else low), self.place(value if high is None else high)
        return Bar(self.place(value), start, round(end - start, 2))


@dataclass(frozen=True)
class Standings:
    """How the models stand on one benchmark."""

    columns: list[str]
    """Headings of the figures; the first is the one that models are ranked by."""
    rows: list[Standing]
    scale: Scale | None


def standings(benchmark: Benchmark, styles: Mapping[str, Series]) -> Standings:
    """The table of one benchmark, the best model first; models without the ranking figure come last."""
    figures = benchmark.figures
    if not figures:
        return Standings([], [Standing(styles[m], [], None) for m in benchmark.models], None)
    first = figures[0]
    ranked = benchmark.ranked(first)
    winners = {f: best(benchmark.metrics, f, benchmark.scalars[f]["better"]) for f in figures}
    rivals = {f: on_a_par(benchmark, f) for f in figures}
    scale = _scale(benchmark, first)
    rows = []
    for model in ranked + [m for m in benchmark.models if m not in ranked]:
        cells = [_cell(benchmark, model, f, model in winners[f], model in rivals[f] - winners[f]) for f in figures]
        ends = [benchmark.value(model, f"{first}{end}") for end in ("", "_low", "_high")]
        rows.append(Standing(styles[model], cells, scale.bar(*ends) if scale else None))
    return Standings([heading(f) for f in figures], rows, scale)


def _cell(benchmark: Benchmark, model: str, figure: str, best: bool, par: bool) -> Cell:
    value, low, high = (benchmark.value(model, f"{figure}{end}") for end in ("", "_low", "_high"))
    note = str(benchmark.metrics[model].get(f"{figure}_note") or "")
    if value is None:
        return Cell(NONE, note=note)
    is_rate = benchmark.percent(figure)
    text = numbers.percent(value, unit=False) if is_rate else numbers.decimal(value)
    return Cell(text, numbers.interval(low, high, is_rate), note, best, par)


def _scale(benchmark: Benchmark, figure: str) -> Scale | None:
    """From zero for error rates, else from the lowest end of an interval, to the highest."""
    values = [benchmark.value(m, f"{figure}{end}") for m in benchmark.models for end in ("", "_low", "_high")]
    known = [v for v in values if v is not None]
    if not known or min(known) == max(known) == 0:
        return None
    low, high = min(known), max(known)
    margin = 0.04 * ((high - low) or abs(high))
    is_error = benchmark.percent(figure) and benchmark.lower_is_better(figure)
    return marked(0.0 if is_error else low - margin, high + margin, benchmark.percent(figure))


def marked(low: float, high: float, is_rate: bool) -> Scale:
    """A scale with its ticks, in percent for rates."""
    bare = Scale(low, high, [])
    ticks = [(bare.place(t), f"{100 * t if is_rate else t:g}".replace("-", "−")) for t in linear_ticks(low, high, 4)]
    return Scale(low, high, ticks)


def summary(found: list[Benchmark], tables: Mapping[str, Standings], styles: Mapping[str, Series]) -> list[Standing]:
    """One row a model with its cells of all benchmarks in turn; models that a benchmark did not judge have “–”."""
    rows = []
    for name, style in styles.items():
        cells: list[Cell] = []
        for benchmark in found:
            table = tables[benchmark.name]
            row = next((r for r in table.rows if r.style.name == name), None)
            cells += row.cells if row else [Cell(NONE, note=f"not judged on {benchmark.name}")] * len(table.columns)
        rows.append(Standing(style, cells, None))
    return rows


@dataclass(frozen=True)
class Lead:
    """One model against the best one."""

    style: Series
    test: Difference
    difference: str
    interval: str
    p: str
    bar: Bar | None


@dataclass(frozen=True)
class Comparison:
    """Paired differences of the models on one benchmark, in the figure that ranks them."""

    figure: str
    unit: str
    best: Series
    leads: list[Lead]
    scale: Scale
    zero: float
    matrix: list[tuple[Series, list[tuple[str, str, str]]]]
    """For each model, the cell against each other one: text, class, title."""
    family: int
    """How many comparisons Holm's correction was made over."""


def comparison(benchmark: Benchmark, styles: Mapping[str, Series]) -> Comparison | None:
    """Every model against the best, and every model against every other; None without paired tests."""
    figure = next(iter(benchmark.figures), "")
    ranked, is_rate = benchmark.ranked(figure), benchmark.percent(figure)
    tests = [t for m in ranked[1:] if (t := benchmark.difference(m, ranked[0], figure)) and t.difference is not None]
    if not tests:
        return None
    ends = [v for t in tests for v in (t.difference, t.low, t.high) if v is not None]
    low, high = min(0.0, *ends), max(0.0, *ends)
    margin = 0.04 * ((high - low) or 0.01)
    scale = marked(low - margin, high + margin, is_rate)
    leads = [
        Lead(
            styles[t.a], t, numbers.signed(t.difference, is_rate), _ends(t, is_rate), numbers.p_bare(t.p),
            scale.bar(t.difference, t.low, t.high),
        )
        for t in tests
    ]  # fmt: skip
    matrix = [(styles[a], [_against(benchmark, a, b, figure) for b in ranked]) for a in ranked]
    unit = ", in percentage points" if is_rate else ""
    return Comparison(
        heading(figure), unit, styles[ranked[0]], leads, scale, scale.place(0.0), matrix, _family(benchmark, figure)
    )


def _family(benchmark: Benchmark, figure: str) -> int:
    tests = [t for t in benchmark.differences if t.metric == figure]
    return next((t.family for t in tests if t.family), len(tests))


def _ends(test: Difference, is_rate: bool) -> str:
    if test.low is None or test.high is None:
        return ""
    return f"{numbers.signed(test.low, is_rate)} to {numbers.signed(test.high, is_rate)}"


def _against(benchmark: Benchmark, a: str, b: str, figure: str) -> tuple[str, str, str]:
    test, is_rate = benchmark.difference(a, b, figure), benchmark.percent(figure)
    if test is None or test.difference is None:
        return ("" if a == b else NONE), "self" if a == b else "", ""
    side = "better" if (test.difference < 0) == benchmark.lower_is_better(figure) else "worse"
    text = numbers.signed(test.difference, is_rate)
    title = f"{a} against {b}: {text} ({_ends(test, is_rate)}), {numbers.p_value(test.p)}"
    return text, f"significant {side}" if test.significant else "", title


@dataclass(frozen=True)
class Listed:
    """One paired test in the list of all."""

    figure: str
    a: str
    b: str
    difference: str
    interval: str
    p: str
    significant: bool


def listed(benchmark: Benchmark) -> list[Listed]:
    """Every paired test in the figures that models are judged by."""
    rows = []
    for t in benchmark.differences:
        if t.metric in benchmark.figures:
            is_rate = benchmark.percent(t.metric)
            name = heading(t.metric) + (", points" if is_rate else "")
            ends, p = _ends(t, is_rate), numbers.p_bare(t.p)
            rows.append(Listed(name, t.a, t.b, numbers.signed(t.difference, is_rate), ends, p, t.significant))
    return rows
