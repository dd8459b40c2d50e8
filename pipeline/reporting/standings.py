"""Tables of the report: the models on one benchmark, against each other, and on all benchmarks together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.reporting.series import Series, Styles
from pipeline.reporting.svg import linear_ticks
from pipeline.store.benchmarks import Benchmark, Difference


@dataclass(frozen=True)
class FigureCell:
    """One figure of one model."""

    value: float | None
    is_rate: bool = False
    low: float | None = None
    high: float | None = None
    note: str = ""
    best: bool = False
    par: bool = False
    """Whether the paired test finds no statistically significant difference from the best model."""


@dataclass(frozen=True)
class Bar:
    """A value and its interval on a scale, in percent of the scale's length."""

    at: float
    low: float
    width: float


@dataclass(frozen=True)
class Standing:
    """The row of one model."""

    style: Series
    cells: list[FigureCell]
    bar: Bar | None


@dataclass(frozen=True)
class Scale:
    """A linear scale. Bars are drawn below it."""

    low: float
    high: float
    is_rate: bool

    def place(self, value: float) -> float:
        """Return the place of a value in percent of the length; a value beyond the scale is placed at its end."""
        return round(100 * (min(max(value, self.low), self.high) - self.low) / (self.high - self.low), 2)

    def bar(self, value: float | None, low: float | None, high: float | None) -> Bar | None:
        """Return the bar of a value and its interval; None if there is no value."""
        if value is None:
            return None
        start, end = self.place(value if low is None else low), self.place(value if high is None else high)
        return Bar(self.place(value), start, round(end - start, 2))

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """The tick marks: places in percent of the length, and labels (rates in percent)."""
        factor = 100 if self.is_rate else 1
        marks = linear_ticks(self.low, self.high, 4)
        return [(self.place(t), f"{factor * t:g}".replace("-", "−")) for t in marks]


@dataclass(frozen=True)
class Standings:
    """The table of all models on one benchmark."""

    figures: list[str]
    """The figures in the columns. The first one ranks the models."""
    rows: list[Standing]
    scale: Scale | None


def standings(benchmark: Benchmark, styles: Styles) -> Standings:
    """Return the table of one benchmark with the best model first; models without the ranking figure come last."""
    figures = benchmark.figures
    if not figures:
        return Standings([], [Standing(styles[m], [], None) for m in benchmark.models], None)
    first = figures[0]
    ranked = benchmark.ranked(first)
    winners = {f: benchmark.best(f) for f in figures}
    rivals = {f: on_a_par(benchmark, f) for f in figures}
    scale = _scale(benchmark, first)
    rows = []
    for model in ranked + [m for m in benchmark.models if m not in ranked]:
        cells = [_cell(benchmark, model, f, model in winners[f], model in rivals[f] - winners[f]) for f in figures]
        ends = benchmark.value(model, first), *benchmark.interval(model, first)
        rows.append(Standing(styles[model], cells, scale.bar(*ends) if scale else None))
    return Standings(figures, rows, scale)


def on_a_par(benchmark: Benchmark, figure: str) -> set[str]:
    """Return the models that do not differ significantly from the best one by the paired test, without the best one."""
    ranked = benchmark.ranked(figure)
    tests = {m: benchmark.difference(ranked[0], m, figure) for m in ranked[1:]}
    return {m for m, test in tests.items() if test is not None and test.p is not None and not test.significant}


def _cell(benchmark: Benchmark, model: str, figure: str, best: bool, par: bool) -> FigureCell:
    value, note = benchmark.value(model, figure), benchmark.note(model, figure)
    if value is None:
        return FigureCell(None, note=note)
    return FigureCell(value, benchmark.percent(figure), *benchmark.interval(model, figure), note, best, par)


def rate_cell(benchmark: Benchmark, model: str, figure: str, turned: bool = False) -> FigureCell:
    """Return a rate with its interval; if `turned`, return 1 minus the rate."""
    value, (low, high) = benchmark.value(model, figure), benchmark.interval(model, figure)
    if turned:
        value, low, high = (None if v is None else 1 - v for v in (value, high, low))
    return FigureCell(value, True, low, high)


def _scale(benchmark: Benchmark, figure: str) -> Scale | None:
    """Return the scale of a figure: error rates begin at zero, other figures at the lowest end of an interval."""
    values = [v for m in benchmark.models for v in (benchmark.value(m, figure), *benchmark.interval(m, figure))]
    known = [v for v in values if v is not None]
    if not known or min(known) == max(known) == 0:
        return None
    low, high = min(known), max(known)
    margin = 0.04 * ((high - low) or abs(high))
    is_error = benchmark.percent(figure) and benchmark.lower_is_better(figure)
    return Scale(0.0 if is_error else low - margin, high + margin, benchmark.percent(figure))


def summary(tables: Mapping[str, Standings], styles: Styles) -> list[Standing]:
    """Return a row for each model with its cells of all benchmarks; cells of benchmarks without the model are empty."""
    rows = []
    for name, style in styles.items():
        cells: list[FigureCell] = []
        for benchmark, table in tables.items():
            row = next((r for r in table.rows if r.style.name == name), None)
            cells += row.cells if row else [FigureCell(None, note=f"not judged on {benchmark}")] * len(table.figures)
        rows.append(Standing(style, cells, None))
    return rows


@dataclass(frozen=True)
class Generic:
    """The table of all figures of a benchmark."""

    figures: list[str]
    rows: list[tuple[Series, list[FigureCell]]]


def everything(benchmark: Benchmark, styles: Styles) -> Generic:
    """Return every figure of every model; each cell holds the ends of its interval, too."""
    figures = list(dict.fromkeys(f for own in benchmark.metrics.values() for f in own))
    rows = [(styles[model], [_whole_or_not(benchmark, model, f) for f in figures]) for model in benchmark.models]
    return Generic(figures, rows)


def _whole_or_not(benchmark: Benchmark, model: str, figure: str) -> FigureCell:
    found, is_rate = benchmark.metrics[model].get(figure), benchmark.percent(figure)
    if found is None or found.value is None:
        return FigureCell(None)
    if isinstance(found.value, int) and not is_rate:
        return FigureCell(found.value)
    return FigureCell(found.value, is_rate, *found.ends)


@dataclass(frozen=True)
class Lead:
    """The comparison of one model with the best one."""

    style: Series
    test: Difference
    bar: Bar | None


@dataclass(frozen=True)
class Against:
    """The comparison of one model with another."""

    test: Difference | None
    css: str


@dataclass(frozen=True)
class FigureComparison:
    """Paired differences between the models on one benchmark, in the figure that ranks them."""

    figure: str
    is_rate: bool
    best: Series
    leads: list[Lead]
    scale: Scale
    matrix: list[tuple[Series, list[Against]]]
    """For each model, a cell for the comparison with each model."""
    family: int
    """Number of comparisons in the family that Holm's correction was made for."""


def comparison(benchmark: Benchmark, styles: Styles) -> FigureComparison | None:
    """Return the tests of every model against the best and of every two models; None without paired tests."""
    figure = next(iter(benchmark.figures), "")
    ranked, is_rate = benchmark.ranked(figure), benchmark.percent(figure)
    tests = [t for m in ranked[1:] if (t := benchmark.difference(m, ranked[0], figure)) and t.difference is not None]
    if not tests:
        return None
    ends = [v for t in tests for v in (t.difference, t.low, t.high) if v is not None]
    low, high = min(0.0, *ends), max(0.0, *ends)
    margin = 0.04 * ((high - low) or 0.01)
    scale = Scale(low - margin, high + margin, is_rate)
    leads = [Lead(styles[t.model_a], t, scale.bar(t.difference, t.low, t.high)) for t in tests]
    matrix = [(styles[a], [_against(benchmark, a, b, figure) for b in ranked]) for a in ranked]
    return FigureComparison(figure, is_rate, styles[ranked[0]], leads, scale, matrix, _family(benchmark, figure))


def _family(benchmark: Benchmark, figure: str) -> int:
    tests = [t for t in benchmark.differences if t.metric == figure]
    return next((t.family for t in tests if t.family), len(tests))


def _against(benchmark: Benchmark, a: str, b: str, figure: str) -> Against:
    test = benchmark.difference(a, b, figure)
    if test is None or test.difference is None:
        return Against(None, "self" if a == b else "")
    side = "better" if (test.difference < 0) == benchmark.lower_is_better(figure) else "worse"
    return Against(test, f"significant {side}" if test.significant else "")


def listed(benchmark: Benchmark) -> list[Difference]:
    """Return every paired test in the figures that models are judged by."""
    return [t for t in benchmark.differences if t.metric in benchmark.figures]
