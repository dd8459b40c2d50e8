"""Results of a study's sweeps: the first figure of each benchmark over the swept values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.params.sweep import SEED, Swept
from pipeline.reporting.headings import heading
from pipeline.reporting.number_format import plain
from pipeline.reporting.repeats import repeated, spread, words
from pipeline.reporting.series import Series, Styles
from pipeline.reporting.svg import Axis, Chart, Dot, Line, linear_ticks
from pipeline.store.benchmarks import Benchmark

LOGARITHMIC = 8
"""The axis is logarithmic if the largest value is at least this many times the smallest."""


@dataclass(frozen=True)
class SweptFigure:
    """A figure and its interval."""

    value: float | None
    low: float | None
    high: float | None
    is_rate: bool
    best: bool


@dataclass(frozen=True)
class Sweep:
    """One entry under `models` that stands for several models."""

    name: str
    fields: list[str]
    columns: list[str]
    """Benchmark and figure of each column."""
    rows: list[tuple[Series, list[str], list[SweptFigure]]]
    """Model, its value of each field, and its figure for each column."""
    charts: list[tuple[str, Chart]]
    """A caption and a picture for each column, if a single field of numbers was swept."""
    over_seeds: list[tuple[str, int, list[str]]]
    """If trainings were repeated with other seeds: name, number of trainings, and mean ± standard deviation of each
    column."""


def sweeps(swept: Mapping[str, Swept], found: Sequence[Benchmark], styles: Styles) -> list[Sweep]:
    """Return every sweep with at least two evaluated models.

    Args:
        swept: by model of a sweep, the sweep that it belongs to.
        found: the benchmarks.
        styles: the look of the models.
    """
    members: dict[str, dict[str, Swept]] = {}
    for model in styles:
        if model in swept:
            members.setdefault(swept[model].entry, {})[model] = swept[model]
    return [_sweep(name, models, found, styles) for name, models in members.items() if len(models) > 1]


def _sweep(name: str, models: Mapping[str, Swept], found: Sequence[Benchmark], styles: Styles) -> Sweep:
    fields = list(next(iter(models.values())).values)
    judged = [b for b in found if b.figures and any(m in b.metrics for m in models)]
    rows = [
        (styles[model], [str(own.values[f]) for f in fields], [_measured(b, model, models) for b in judged])
        for model, own in models.items()
    ]
    columns = [f"{b.name}: {heading(b.figures[0])}" for b in judged]
    charts = []
    numbers = {model: own.values[fields[0]] for model, own in models.items()}
    if (
        len(fields) == 1
        and fields[0] != SEED
        and all(isinstance(v, int | float) and not isinstance(v, bool) for v in numbers.values())
    ):
        charts = [(f"{b.name}, over {fields[0]}", _chart(b, numbers, fields[0], styles)) for b in judged]
    over_seeds = [
        (one.name, len(one.models), [_spread(benchmark, one.models) for benchmark in judged])
        for one in repeated(models, list(models))
    ]
    return Sweep(name, fields, columns, rows, [(caption, chart) for caption, chart in charts if chart], over_seeds)


def _spread(benchmark: Benchmark, models: Sequence[str]) -> str:
    figure = benchmark.figures[0]
    return words(spread(benchmark, models, figure), benchmark.percent(figure))


def _measured(benchmark: Benchmark, model: str, models: Mapping[str, Any]) -> SweptFigure:
    figure = benchmark.figures[0]
    best = next((m for m in benchmark.ranked(figure) if m in models), None)
    value, ends = benchmark.value(model, figure), benchmark.interval(model, figure)
    return SweptFigure(value, *ends, benchmark.percent(figure), model == best)


def _chart(benchmark: Benchmark, numbers: Mapping[str, float], field: str, styles: Styles) -> Chart | None:
    """Return a chart of points with their intervals over the values; None with fewer than two different values."""
    figure = benchmark.figures[0]
    points = sorted((x, y, m) for m, x in numbers.items() if (y := benchmark.value(m, figure)) is not None)
    if len({x for x, _, _ in points}) < 2:
        return None
    ends = {m: [end for end in benchmark.interval(m, figure) if end is not None] for _, _, m in points}
    heights = [y for _, y, _ in points] + [v for values in ends.values() for v in values]
    unit = 100 if benchmark.percent(figure) else 1
    first, last = points[0][0], points[-1][0]
    logarithmic = first > 0 and last / first >= LOGARITHMIC
    ticks = linear_ticks(min(heights), max(heights))
    line = Line([(x, y) for x, y, _ in points], styles[points[0][2]].css)
    spans = [(styles[m].css, (x, ends[m][0]), (x, ends[m][1])) for x, _, m in points if len(ends[m]) == 2]
    bars = [Line([low, high], css) for css, low, high in spans]
    dots = [Dot(x, y, styles[m].css, f"{m}: {plain(unit * y)}") for x, y, m in points]
    return Chart(
        Axis(first, last, [(x, plain(x)) for x in dict.fromkeys(x for x, _, _ in points)], field,
             *([math.log10] if logarithmic else [])),
        Axis(min([*heights, *ticks]), max([*heights, *ticks]), [(t, plain(unit * t)) for t in ticks],
             heading(figure) + (", %" if unit == 100 else "")),
        f"{heading(figure)} on {benchmark.name} over {field}, with intervals. The figures are in the table.",
        [line, *bars, *dots],
    )  # fmt: skip
