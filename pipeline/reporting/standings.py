"""Tables of the report: how the models stand on a benchmark, against each other, and on all benchmarks together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.reporting import numbers
from pipeline.reporting.numbers import NBSP, NONE, number
from pipeline.reporting.read import Benchmark, Difference, Series
from pipeline.reporting.svg import linear_ticks
from pipeline.reporting.verdict import EER, on_a_par

SUFFIXES = ("_low", "_high", "_note")
# Figures of other sorts of benchmark that are rates (shown in percent), by how their names begin; the first that a
# benchmark has stands for it in the summary.
RATES = ("accuracy", "rank-", "val@", "dir@", "tar@", "eer", "far@", "val_std@")
LOWER_IS_BETTER = ("eer", "far@", "alignment", "uniformity")


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

    look: Series
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
    """Labels of the figures; the first is the one that models are ranked by."""
    rows: list[Standing]
    scale: Scale | None
    notes: list[str]
    """Why figures are missing."""


def figures(benchmark: Benchmark) -> list[tuple[str, str]]:
    """The figures that are shown of a benchmark, the one that ranks first: key, label."""
    found = list(dict.fromkeys(k for m in benchmark.metrics.values() for k in m if not k.endswith(SUFFIXES)))
    fars = sorted((k for k in found if k.startswith("tar@") and number(k[4:]) is not None), key=lambda k: -float(k[4:]))
    if EER in found:
        return [(EER, "EER"), *((k, f"TAR at FAR{NBSP}{numbers.rate(float(k[4:]))}") for k in fars)]
    rates = [k for rate in RATES for k in found if k.startswith(rate) and "_std" not in k]
    return [(k, _label(k)) for k in rates if not k.startswith("far@")][:3]


def _label(key: str) -> str:
    name, _, far = key.partition("@")
    name = name.replace("_", " ")
    at = number(far)
    if at is None:
        return f"{name} {far}".strip()
    return f"{name.upper()} at FAR{NBSP}{numbers.rate(at)}"


def standings(benchmark: Benchmark, looks: Mapping[str, Series]) -> Standings:
    """The table of one benchmark, the best model first; models without the ranking figure come last."""
    keys = figures(benchmark)
    if not keys:
        return Standings([], [], None, [])
    first = keys[0][0]
    ranked = _ranked(benchmark, first)
    order = ranked + [m for m in benchmark.models if m not in ranked]
    rivals = {key: on_a_par(benchmark, key, _ranked(benchmark, key)) for key, _ in keys}
    best = {key: next(iter(_ranked(benchmark, key)), None) for key, _ in keys}
    scale = _scale(benchmark, first) if first == EER else None
    rows = []
    for model in order:
        cells = [_cell(benchmark, model, key, best[key] == model, model in rivals[key]) for key, _ in keys]
        ends = [benchmark.value(model, f"{first}{end}") for end in ("", "_low", "_high")]
        rows.append(Standing(looks[model], cells, scale.bar(*ends) if scale else None))
    notes = list(dict.fromkeys(cell.note for row in rows for cell in row.cells if cell.note))
    return Standings([label for _, label in keys], rows, scale, notes)


def _ranked(benchmark: Benchmark, key: str) -> list[str]:
    return benchmark.ranked(key, lowest=key.startswith(LOWER_IS_BETTER))


def _cell(benchmark: Benchmark, model: str, key: str, best: bool, par: bool) -> Cell:
    value, low, high = (benchmark.value(model, f"{key}{end}") for end in ("", "_low", "_high"))
    note = str(benchmark.metrics.get(model, {}).get(f"{key}_note") or "")
    if value is None:
        return Cell(NONE, note=note)
    if not key.startswith(RATES):
        return Cell(numbers.plain(value), "", note, best, par)
    return Cell(numbers.percent(value, unit=False), numbers.interval(low, high), note, best, par)


def _scale(benchmark: Benchmark, key: str) -> Scale | None:
    """From zero to the highest end of an interval."""
    ends = [v for m in benchmark.models for e in ("", "_high") if (v := benchmark.value(m, f"{key}{e}")) is not None]
    return _percent_scale(0.0, max(ends) * 1.04) if ends and max(ends) > 0 else None


def _percent_scale(low: float, high: float) -> Scale:
    bare = Scale(low, high, [])
    return Scale(low, high, [(bare.place(t), f"{100 * t:g}".replace("-", "−")) for t in linear_ticks(low, high, 4)])


def summary(found: list[Benchmark], tables: Mapping[str, Standings], looks: Mapping[str, Series]) -> list[Standing]:
    """One row a model with its cells of all benchmarks in turn; models that a benchmark did not judge have “–”."""
    rows = []
    for name, look in looks.items():
        cells: list[Cell] = []
        for benchmark in found:
            table = tables[benchmark.name]
            row = next((r for r in table.rows if r.look.name == name), None)
            cells += row.cells if row else [Cell(NONE, note=f"not judged on {benchmark.name}")] * len(table.columns)
        rows.append(Standing(look, cells, None))
    return rows


@dataclass(frozen=True)
class Lead:
    """One model against the best one."""

    look: Series
    test: Difference
    points: str
    interval: str
    p: str
    bar: Bar | None


@dataclass(frozen=True)
class Comparison:
    """Paired differences of the models' EERs on one benchmark."""

    best: Series
    leads: list[Lead]
    scale: Scale
    zero: float
    matrix: list[tuple[Series, list[tuple[str, str, str]]]]
    """For each model, the cell against each other one: text, class, title."""


def comparison(benchmark: Benchmark, looks: Mapping[str, Series]) -> Comparison | None:
    """Every model against the best, and every model against every other; None without paired tests."""
    ranked = benchmark.ranked(EER)
    tests = [t for m in ranked[1:] if (t := benchmark.difference(m, ranked[0], EER)) and t.difference is not None]
    if not tests:
        return None
    ends = [v for t in tests for v in (t.difference, t.low, t.high) if v is not None]
    low, high = min(0.0, *ends), max(0.0, *ends)
    margin = 0.04 * ((high - low) or 0.01)
    scale = _percent_scale(low - margin, high + margin)
    leads = [
        Lead(
            looks[t.a], t, numbers.points(t.difference), _signed(t), numbers.p_value(t.p),
            scale.bar(t.difference, t.low, t.high),
        )
        for t in tests
    ]  # fmt: skip
    matrix = [(looks[a], [_against(benchmark, a, b) for b in ranked]) for a in ranked]
    return Comparison(looks[ranked[0]], leads, scale, scale.place(0.0), matrix)


def _signed(test: Difference) -> str:
    return "" if test.low is None else f"{numbers.points(test.low)} to {numbers.points(test.high)}"


def _against(benchmark: Benchmark, a: str, b: str) -> tuple[str, str, str]:
    test = benchmark.difference(a, b, EER)
    if test is None or test.difference is None:
        return ("" if a == b else NONE), "self" if a == b else "", ""
    side = "better" if test.difference < 0 else "worse"
    title = f"{a} against {b}: {numbers.points(test.difference)} points ({_signed(test)}), {numbers.p_value(test.p)}"
    return numbers.points(test.difference), f"real {side}" if test.significant else "", title
