"""Plots of a study for a paper, by matplotlib, as SVG and PDF with text kept as text.

The report draws its own pictures, which follow the reader's colour scheme; a paper needs files with a fixed look.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from pipeline.reporting.charts import over_epochs
from pipeline.reporting.paper_lines import lines
from pipeline.reporting.series import Series, Styles
from pipeline.store.benchmarks import Benchmark
from pipeline.store.curves import CmcCurve, Curve, DetCurve, DirCurve, Point, RocCurve, ScoreHistogram
from pipeline.store.figure_names import EER_THRESHOLD
from pipeline.store.models import Epoch

SIZE = (3.5, 2.8)
"""Width and height in inches: one column of a page with two columns."""
# These colours can be distinguished in colour, in grey, and by colour-blind people (Okabe and Ito, 2008).
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
STYLES = {"frozen": "--", "trained": "-", "fusion": "-.", "outside": ":", "other": ":"}
LOOK: dict[Any, Any] = {
    "font.size": 8, "axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False,
    "svg.fonttype": "none", "pdf.fonttype": 42, "svg.hashsalt": "sitter",
}  # fmt: skip
CURVES: dict[type[Curve], tuple[str, str]] = {
    RocCurve: ("false accept rate, %", "true accept rate, %"),
    DetCurve: ("false accept rate, %", "false reject rate, %"),
    DirCurve: ("false accept rate, %", "detection and identification rate, %"),
    CmcCurve: ("rank", "identified, %"),
}
"""For each curve, the titles of the axes."""


def draw(folder: Path, found: Iterable[Benchmark], styles: Styles, trainings: Mapping[str, Sequence[Epoch]]) -> int:
    """Write every plot of a study into an existing folder, each as SVG and PDF; return the number of plots.

    Args:
        folder: gets `BENCHMARK-roc.svg`, `MODEL-training.pdf` and so on.
        found: the benchmarks.
        styles: colour and line of each model.
        trainings: by model, the values of each training epoch.
    """
    import matplotlib as mpl

    mpl.use("agg")
    count = 0
    with mpl.rc_context(LOOK):
        for name, figure in _figures(found, styles, trainings):
            for ending in ("svg", "pdf"):
                # Without the time, equal results give equal files.
                stamp = {"Date": None} if ending == "svg" else {"CreationDate": None}
                figure.savefig(folder / f"{name}.{ending}", metadata=stamp, bbox_inches="tight")
            count += 1
            mpl.pyplot.close(figure)
    return count


def _figures(
    found: Iterable[Benchmark], styles: Styles, trainings: Mapping[str, Sequence[Epoch]]
) -> Iterator[tuple[str, Any]]:
    for benchmark in found:
        for curve, titles in CURVES.items():
            by_model = benchmark.curve(curve)
            drawn = {m: by_model[m].line() for m in styles if m in by_model}
            if any(drawn.values()):
                yield f"{benchmark.name}-{curve.name}", _curves(curve, drawn, styles, titles)
        for name, figure in lines(benchmark, {m: _look(style) for m, style in styles.items()}, _axes):
            yield f"{benchmark.name}-{name.replace('/', '-')}", figure
        for model in styles:
            if scores := benchmark.curve(ScoreHistogram).get(model):
                yield f"{benchmark.name}-scores-{model}", _histogram(scores, benchmark.value(model, EER_THRESHOLD))
    for model, training in trainings.items():
        if model in styles and len(over_epochs(training, lambda epoch: epoch.loss)) > 1:
            yield f"{model}-training", _training(training, styles[model])


def _axes() -> tuple[Any, Any]:
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=SIZE, layout="constrained")


def _look(style: Series) -> dict[str, Any]:
    return {"color": COLOURS[style.index % len(COLOURS)], "linestyle": STYLES.get(style.sort, "-"), "linewidth": 1.2}


def _curves(
    curve: type[Curve], drawn: Mapping[str, list[Point]], styles: Mapping[str, Series], titles: tuple[str, str]
) -> Any:
    from matplotlib.ticker import FuncFormatter, MaxNLocator
    from scipy.stats import norm

    figure, axes = _axes()
    percent = FuncFormatter(lambda value, _: f"{100 * value:g}")
    axes.set(xlabel=titles[0], ylabel=titles[1])
    if curve is DetCurve:
        for scale in (axes.set_xscale, axes.set_yscale):
            scale("function", functions=(lambda p: norm.ppf(p.clip(1e-9, 1 - 1e-9)), norm.cdf))
        ticks = [0.001, 0.01, 0.05, 0.2, 0.5]
        axes.set(xlim=(5e-4, 0.6), ylim=(5e-4, 0.6), xticks=ticks, yticks=ticks)
    elif curve is CmcCurve:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    else:
        axes.set_xscale("log")
    for model, points in drawn.items():
        inner = [(x, y) for x, y in points if 0 < x < 1] if curve is not CmcCurve else points
        if inner:
            axes.plot(*zip(*inner, strict=True), label=model, **_look(styles[model]))
    axes.yaxis.set_major_formatter(percent)
    if curve is not CmcCurve:
        axes.xaxis.set_major_formatter(percent)
    axes.legend()
    return figure


def _histogram(scores: ScoreHistogram, threshold: float | None) -> Any:
    figure, axes = _axes()
    bins = scores.bins()
    edges = [left for left, *_ in bins] + [bins[-1][1]]
    for name, colour, place in (("impostor", COLOURS[1], 3), ("genuine", COLOURS[0], 2)):
        counts = [one[place] for one in bins]
        if sum(counts):
            widths = [b - a for a, b in pairwise(edges)]
            density = [n / sum(counts) / width for n, width in zip(counts, widths, strict=True)]
            axes.stairs(density, edges, fill=True, alpha=0.5, color=colour, label=f"{name} pairs")
    if threshold is not None:
        axes.axvline(threshold, color="black", linewidth=0.8, linestyle=":", label="threshold of the EER")
    axes.set(xlabel="score", ylabel="density")
    axes.legend()
    return figure


def _training(epochs: Sequence[Epoch], style: Series) -> Any:
    figure, axes = _axes()
    axes.plot(*zip(*over_epochs(epochs, lambda epoch: epoch.loss), strict=True), label="training loss", **_look(style))
    if val := over_epochs(epochs, lambda epoch: epoch.val_loss):
        axes.plot(*zip(*val, strict=True), label="loss, val faces", color="black", linewidth=1.0)
    axes.set(xlabel="epoch", ylabel="loss")
    lines, labels = axes.get_legend_handles_labels()
    if eer := over_epochs(epochs, lambda epoch: epoch.val_eer):
        other = axes.twinx()
        other.spines["right"].set_visible(True)
        other.plot(
            *zip(*((x, 100 * y) for x, y in eer), strict=True), label="EER, val sitters", color="grey", ls="--", lw=1
        )
        other.set_ylabel("EER, val sitters, %")
        more = other.get_legend_handles_labels()
        lines, labels = lines + more[0], labels + more[1]
    axes.legend(lines, labels)
    return figure
