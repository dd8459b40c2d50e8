"""Further figures of a benchmark for a paper: calibration, expected performance, discard, groups and maps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pipeline.reporting.calibration import WIDEST
from pipeline.reporting.lines import points
from pipeline.reporting.maps import FIXED
from pipeline.reporting.numbers import number
from pipeline.reporting.read import Benchmark, Row

Look = Mapping[str, Any]


class Plot(NamedTuple):
    """The columns of a curve, and the titles of its axes; one that ends in % is of rates."""

    x: str
    ys: tuple[str, ...]
    titles: tuple[str, str]
    rule: str = ""
    """A column to compare with, or `equal` for the diagonal."""


PLOTS = {
    "tippett": Plot("llr", ("genuine", "impostor"), ("log10 LR", "pairs with at least this LR, %")),
    "reliability": Plot("llr", ("pav",), ("log10 LR given", "log10 LR by PAV"), "equal"),
    "ece": Plot("log10_odds", ("ece",), ("prior log10 odds", "empirical cross-entropy, bits"), "neutral"),
    "epc": Plot("alpha", ("hter",), ("weight of a false match, α", "half total error rate, %")),
}
MOST_COLOURS = 7


def lines(benchmark: Benchmark, looks: Mapping[str, Look], axes: Any) -> Iterator[tuple[str, Any]]:
    """Yield the name and the figure of every curve that a benchmark has; `axes` makes an empty one."""
    for curve, plot in PLOTS.items():
        if by_model := _known(benchmark.curves.get(curve, {}), looks):
            yield curve, _drawn(by_model, plot, looks, axes)
    by_model = _known(benchmark.curves.get("discard", {}), looks)
    discarded = Plot("discarded", ("fnmr",), ("images left out, %", "FNMR of the others, %"))
    for quality in dict.fromkeys(row["quality"] for rows in by_model.values() for row in rows):
        chosen = {m: [row for row in rows if row["quality"] == quality] for m, rows in by_model.items()}
        yield f"discard-{quality}", _drawn(chosen, discarded, looks, axes)
    by_model = _known(benchmark.curves.get("groups", {}), looks)
    for column in dict.fromkeys(row["column"] for rows in by_model.values() for row in rows):
        for rate in ("fnmr", "fmr"):
            chosen = {m: [row for row in rows if row["column"] == column] for m, rows in by_model.items()}
            yield f"groups-{column}-{rate}", _groups(chosen, rate, looks, axes)
    for model, rows in _known(benchmark.curves.get("map", {}), looks).items():
        for column in (c for c in rows[0] if c not in FIXED):
            yield f"map-{column}-{model}", _map(rows, column, axes)


def _known(by_model: Mapping[str, list[Row]], looks: Mapping[str, Look]) -> dict[str, list[Row]]:
    return {model: by_model[model] for model in looks if by_model.get(model)}


def _drawn(by_model: Mapping[str, list[Row]], plot: Plot, looks: Mapping[str, Look], axes: Any) -> Any:
    figure, ax = axes()
    scales = [100 if title.endswith("%") else 1 for title in plot.titles]
    for model, rows in by_model.items():
        for n, y in enumerate(plot.ys):
            if found := points(rows, plot.x, y, WIDEST):
                xs, heights = (
                    [scale * v for v in values] for scale, values in zip(scales, zip(*found, strict=True), strict=True)
                )
                ax.plot(xs, heights, label=model if n == 0 else None, **looks[model])
    if plot.rule == "equal":
        ax.axline((0, 0), slope=1, color="black", linewidth=0.6, linestyle=":")
    elif plot.rule:
        rule = points(next(iter(by_model.values())), plot.x, plot.rule, WIDEST)
        ax.plot(*zip(*rule, strict=True), color="black", linewidth=0.6, linestyle=":")
    ax.set(xlabel=plot.titles[0], ylabel=plot.titles[1])
    ax.legend()
    return figure


def _groups(by_model: Mapping[str, list[Row]], rate: str, looks: Mapping[str, Look], axes: Any) -> Any:
    """A point with its interval for each group and model."""
    figure, ax = axes()
    groups = list(dict.fromkeys(row["group"] for rows in by_model.values() for row in rows))
    for n, (model, rows) in enumerate(by_model.items()):
        for row in rows:
            value, low, high = (number(row.get(f"{rate}{end}")) for end in ("", "_low", "_high"))
            if value is None:
                continue
            place = groups.index(row["group"]) + 0.7 * ((n + 0.5) / len(by_model) - 0.5)
            ends = (
                None if low is None or high is None else [[max(0, 100 * (value - low))], [max(0, 100 * (high - value))]]
            )
            label = model if row is rows[0] else None
            ax.errorbar(100 * value, place, xerr=ends, fmt="o", markersize=3, label=label, color=looks[model]["color"],
                        elinewidth=1)  # fmt: skip
    ax.set(xlabel=f"{rate.upper()}, %", yticks=range(len(groups)), yticklabels=groups)
    ax.invert_yaxis()
    ax.legend()
    return figure


def _map(rows: list[Row], column: str, axes: Any) -> Any:
    """Dots of the commonest values in colours, the others in grey."""
    figure, ax = axes()
    common = [value for value, _ in Counter(row[column] for row in rows if row[column]).most_common(MOST_COLOURS)]
    for value in [None, *common]:
        some = [row for row in rows if (row[column] if row[column] in common else None) == value]
        found = points(some, "x", "y") if some else []
        if found:
            look = {"color": "lightgrey"} if value is None else {"label": value}
            ax.scatter(*zip(*found, strict=True), s=4, linewidths=0, **look)
    ax.set(xticks=[], yticks=[])
    if common:
        ax.legend(title=column)
    return figure
