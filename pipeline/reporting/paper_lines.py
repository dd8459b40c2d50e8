"""Further plots of a benchmark for a paper: calibration, expected performance, discard, groups and maps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from pipeline.reporting.calibration import WIDEST
from pipeline.reporting.lines import within
from pipeline.store.benchmarks import Benchmark, GroupErrors
from pipeline.store.curves import (
    CrossEntropy,
    Curve,
    DiscardCurve,
    ExpectedPerformance,
    Placed,
    Reliability,
    Tippett,
)
from pipeline.store.figure_names import FMR, FNMR

Look = Mapping[str, Any]
Of = TypeVar("Of")


TITLES: dict[type[Curve], tuple[str, str]] = {
    Tippett: ("log10 LR", "pairs with at least this LR, %"),
    Reliability: ("log10 LR given", "log10 LR by PAV"),
    CrossEntropy: ("prior log10 odds", "empirical cross-entropy, bits"),
    ExpectedPerformance: ("weight of a false match, α", "half total error rate, %"),
    DiscardCurve: ("images left out, %", "FNMR of the others, %"),
}
"""For each curve, the titles of its axes; a title that ends in % belongs to rates."""
MOST_COLOURS = 7


def lines(benchmark: Benchmark, looks: Mapping[str, Look], axes: Any) -> Iterator[tuple[str, Any]]:
    """Yield the name and the plot of every curve that a benchmark has; `axes` makes an empty plot."""
    for curve in TITLES:
        if by_model := _known(benchmark.curve(curve), looks):
            yield curve.name, _drawn(by_model, looks, axes)
    by_quality = _known(benchmark.discard, looks)
    for quality in dict.fromkeys(quality for curves in by_quality.values() for quality in curves):
        chosen = {model: curves[quality] for model, curves in by_quality.items() if quality in curves}
        yield f"discard-{quality}", _drawn(chosen, looks, axes)
    groups = _known(benchmark.groups, looks)
    for column in dict.fromkeys(errors.column for every in groups.values() for errors in every):
        of_column = {m: [errors for errors in every if errors.column == column] for m, every in groups.items()}
        for place, rate in enumerate((FNMR, FMR)):
            yield f"groups-{column}-{rate}", _groups(of_column, rate.upper(), place, looks, axes)
    for model, images in _known(benchmark.maps, looks).items():
        for column in images[0].values:
            yield f"map-{column}-{model}", _map(images, column, axes)


def _known(by_model: Mapping[str, Of], looks: Mapping[str, Look]) -> dict[str, Of]:
    """Return the entries of the models that are shown, in the models' order; empty entries are left out."""
    return {model: by_model[model] for model in looks if by_model.get(model)}


def _drawn(by_model: Mapping[str, Curve], looks: Mapping[str, Look], axes: Any) -> Any:
    figure, ax = axes()
    first = next(iter(by_model.values()))
    titles = TITLES[type(first)]
    scales = [100 if title.endswith("%") else 1 for title in titles]
    for model, curve in by_model.items():
        for n, line in enumerate(curve.lines()):
            if found := within(line, WIDEST):
                xs, heights = (
                    [scale * v for v in values] for scale, values in zip(scales, zip(*found, strict=True), strict=True)
                )
                ax.plot(xs, heights, label=model if n == 0 else None, **looks[model])
    if isinstance(first, Reliability):
        ax.axline((0, 0), slope=1, color="black", linewidth=0.6, linestyle=":")
    elif isinstance(first, CrossEntropy):
        rule = within(first.without_ratios(), WIDEST)
        ax.plot(*zip(*rule, strict=True), color="black", linewidth=0.6, linestyle=":")
    ax.set(xlabel=titles[0], ylabel=titles[1])
    ax.legend()
    return figure


def _groups(
    by_model: Mapping[str, Sequence[GroupErrors]], title: str, place: int, looks: Mapping[str, Look], axes: Any
) -> Any:
    """Draw a rate of each group and model as a point with its interval; `place` is its index in `GroupErrors.rates`."""
    figure, ax = axes()
    groups = list(dict.fromkeys(errors.group for every in by_model.values() for errors in every))
    for n, (model, every) in enumerate(by_model.items()):
        for errors in every:
            rate = errors.rates[place]
            if rate.value is None:
                continue
            height = groups.index(errors.group) + 0.7 * ((n + 0.5) / len(by_model) - 0.5)
            ends = None
            if rate.low is not None and rate.high is not None:
                ends = [[max(0, 100 * (rate.value - rate.low))], [max(0, 100 * (rate.high - rate.value))]]
            label = model if errors is every[0] else None
            ax.errorbar(100 * rate.value, height, xerr=ends, fmt="o", markersize=3, label=label,
                        color=looks[model]["color"], elinewidth=1)  # fmt: skip
    ax.set(xlabel=f"{title}, %", yticks=range(len(groups)), yticklabels=groups)
    ax.invert_yaxis()
    ax.legend()
    return figure


def _map(images: Sequence[Placed], column: str, axes: Any) -> Any:
    """Draw a dot for each image; the most frequent values have colours, all others are grey."""
    figure, ax = axes()
    values = [image.values[column] for image in images]
    common = [value for value, _ in Counter(filter(None, values)).most_common(MOST_COLOURS)]
    for chosen in [None, *common]:
        some = [i for i, value in zip(images, values, strict=True) if (value if value in common else None) == chosen]
        if some:
            look = {"color": "lightgrey"} if chosen is None else {"label": chosen}
            ax.scatter(*zip(*sorted((i.x, i.y) for i in some), strict=True), s=4, linewidths=0, **look)
    ax.set(xticks=[], yticks=[])
    if common:
        ax.legend(title=column)
    return figure
