"""Charts of the report: ROC, DET, score distributions, training curves."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from pipeline.reporting.number_format import count, percent, plain, rate
from pipeline.reporting.series import Series, Styles
from pipeline.reporting.svg import Area, Axis, Chart, Dot, DottedLine, Line, Mark, Shade, Upright, linear_ticks, probit
from pipeline.store.benchmarks import Benchmark
from pipeline.store.curves import (
    CmcCurve,
    Curve,
    DetCurve,
    DirCurve,
    NearestCentre,
    NearestHistogram,
    NearestMean,
    Point,
    RocCurve,
    ScoreHistogram,
)
from pipeline.store.figure_names import EER_THRESHOLD, IMPOSTOR
from pipeline.store.models import Epoch

FIRM_ACCEPTS = 30
"""FARs with fewer false accepts are known less precisely than to ±30 % (rule of 30, ISO/IEC 19795-1); drawn on grey."""
FAR = "false accept rate (FAR), %"
DET_TICKS = (0.0001, 0.001, 0.005, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.95)


def charts(benchmark: Benchmark, styles: Styles, far: Sequence[float]) -> list[tuple[str, Chart]]:
    """Return name and chart of each curve that a benchmark has; each chart shows all models."""
    found = {
        RocCurve.name: _over_far(benchmark, styles, far, RocCurve, "true accept rate (TAR), %"),
        DetCurve.name: det(benchmark, styles),
        DirCurve.name: _over_far(benchmark, styles, far, DirCurve, "detection and identification rate (DIR), %"),
        CmcCurve.name: cmc(benchmark, styles),
        NearestMean.name: nearest(benchmark, styles, NearestMean, "mean embedding of a training sitter"),
        NearestCentre.name: nearest(benchmark, styles, NearestCentre, "learned class centre"),
    }
    return [(name, chart) for name, chart in found.items() if chart]


def _over_far(
    benchmark: Benchmark, styles: Styles, far: Sequence[float], curve: type[Curve], title: str
) -> Chart | None:
    """Return a rate over FAR on a logarithmic axis; vertical rules mark the study's FARs. None without curves."""
    curves = _by_model(benchmark, styles, curve)
    lowest = min((x for points in curves.values() for x, _ in points if x > 0), default=None)
    if lowest is None:
        return None
    low = 10.0 ** max(math.floor(math.log10(min([lowest, *far])) + 1e-9), -6)
    lines = [Line(_from_zero(points, low), styles[m].css, m) for m, points in curves.items()]
    return Chart(
        Axis(low, 1, [(10.0**e, rate(10.0**e, unit=False)) for e in range(round(math.log10(low)), 1)], FAR, math.log10),
        Axis(0, 1, [(v / 5, str(20 * v)) for v in range(6)], title),
        f"{curve.name.upper()} curves on {benchmark.name}: {title} over {FAR}. The figures are in the table.",
        [*_few(benchmark, low), *(Upright(f, "rule") for f in far if f > low), *lines],
    )


def _by_model(benchmark: Benchmark, styles: Styles, curve: type[Curve]) -> dict[str, list[Point]]:
    """Return the points of a curve for each model that has it."""
    found = benchmark.curve(curve)
    return {model: found[model].line() for model in styles if model in found}


def _from_zero(points: list[Point], low: float) -> list[Point]:
    """Return the points for a logarithmic axis from `low` on; the best rate at a FAR up to `low` is placed at `low`."""
    at_zero = [y for x, y in points if x <= low]
    return [*([(low, max(at_zero))] if at_zero else []), *((x, y) for x, y in points if x > low)]


def cmc(benchmark: Benchmark, styles: Styles) -> Chart | None:
    """Return the cumulative match characteristic: the share of probes with their sitter among the first k."""
    curves = _by_model(benchmark, styles, CmcCurve)
    points = [p for c in curves.values() for p in c]
    if not points:
        return None
    last, low = max(2.0, *(x for x, _ in points)), math.floor(min(y for _, y in points) * 10) / 10
    return Chart(
        Axis(1, last, [(t, plain(t)) for t in (1, *linear_ticks(2, last, 6)) if t == int(t)], "rank"),
        Axis(min(low, 0.9), 1, [(t, plain(100 * t)) for t in linear_ticks(min(low, 0.9), 1)], "identified, %"),
        f"CMC curves on {benchmark.name}: share of probes with their sitter among the first, by rank.",
        [Line(p, styles[m].css, m) for m, p in curves.items()],
    )


def nearest(benchmark: Benchmark, styles: Styles, kind: type[NearestHistogram], what: str) -> Chart | None:
    """Return a histogram of the angles from test images to the nearest centre; None where no model has any."""
    outlines: dict[str, list[Point]] = {}
    by_model = benchmark.curve(kind)
    for model in styles:
        bins = by_model[model].bins() if model in by_model else []
        total = sum(n for _, _, n in bins)
        if total:
            tops = [p for a, b, n in bins for p in ((a, n / total / (b - a)), (b, n / total / (b - a)))]
            outlines[model] = [(bins[0][0], 0.0), *tops, (bins[-1][1], 0.0)]
    points = [p for outline in outlines.values() for p in outline]
    if not points:
        return None
    low, high = min(x for x, _ in points), max(x for x, _ in points)
    top = 1.05 * max(y for _, y in points)
    return Chart(
        Axis(low, high, [(t, f"{t:g}°") for t in linear_ticks(low, high, 6)], f"angle to the nearest {what}"),
        Axis(0, top, [(t, plain(100 * t)) for t in linear_ticks(0, top, 5)], "test images, % per degree"),
        f"Distance of the test images of {benchmark.name} to the nearest {what}.",
        [Line(outline, styles[m].css, m) for m, outline in outlines.items()],
    )


def det(benchmark: Benchmark, styles: Styles) -> Chart | None:
    """Return the DET curves: FRR over FAR on normal-deviate axes. EERs lie on the diagonal."""
    curves = _by_model(benchmark, styles, DetCurve)
    inner = [(x, y) for points in curves.values() for x, y in points if 0 < x < 1 and 0 < y < 1]
    if not inner:
        return None
    low_x, low_y = (max(1e-4, min(0.4, min(p[i] for p in inner) * 0.8)) for i in (0, 1))
    high_x, high_y = (min(0.97, max(0.5, *_far_end(curves, i))) for i in (0, 1))
    x, y = (
        Axis(low, high, [(t, rate(t, unit=False)) for t in DET_TICKS if low <= t <= high], title, probit)
        for low, high, title in ((low_x, high_x, FAR), (low_y, high_y, "false reject rate (FRR), %"))
    )
    low, high = max(low_x, low_y), min(high_x, high_y)
    marks: list[Mark] = [*_few(benchmark, low_x), DottedLine([(low, low), (high, high)])]
    for model, points in curves.items():
        within = [p for p in points if low_x <= p[0] <= high_x and low_y <= p[1] <= high_y]
        marks += [Line(within, styles[model].css, model)] if len(within) > 1 else []
    label = f"DET curves on {benchmark.name}: false reject rate over false accept rate. Lower left is better."
    return Chart(x, y, label, marks)


def _far_end(curves: Mapping[str, list[Point]], axis: int) -> list[float]:
    """Return for each curve the value on an axis where the other axis falls to 2 %; the chart need not show more."""
    return [max((p[axis] for p in points if p[1 - axis] >= 0.02), default=0.5) for points in curves.values()]


def _few(benchmark: Benchmark, low: float) -> list[Shade]:
    """Return a grey band where a FAR rests on fewer than `FIRM_ACCEPTS` impostor pairs."""
    impostors = max((benchmark.value(m, IMPOSTOR) or 0 for m in benchmark.models), default=0)
    end = FIRM_ACCEPTS / impostors if impostors else 0
    title = f"FARs here rest on fewer than {FIRM_ACCEPTS} of the {count(impostors)} impostor pairs"
    return [Shade(low, min(end, 1), title)] if end > low else []


def scores(benchmark: Benchmark, model: str) -> Chart | None:
    """Return the densities of the genuine and the impostor scores of a model; None without scores of both."""
    found = benchmark.curve(ScoreHistogram).get(model)
    bins = found.bins() if found else []
    totals = [sum(b[i] * 1.0 for b in bins) for i in (2, 3)]
    if not bins or not all(totals):
        return None
    filled = [b for b in bins if b[2] or b[3]]
    low, high = filled[0][0], filled[-1][1]
    density = [(a, b, g / totals[0] / (b - a), i / totals[1] / (b - a)) for a, b, g, i in filled]
    top = max(max(g, i) for _, _, g, i in density)
    ticks = [(t, plain(t)) for t in linear_ticks(low, high, 4)]
    marks: list[Mark] = [
        Area([p for d in density for p in ((d[0], d[which]), (d[1], d[which]))], css)
        for which, css in ((3, "impostor"), (2, "genuine"))
    ]
    threshold = benchmark.value(model, EER_THRESHOLD)
    if threshold is not None and low < threshold < high:
        marks.append(Upright(threshold, "threshold"))
    return Chart(
        Axis(low, high, ticks, ""), Axis(0, top * 1.05, [], ""),
        f"Scores of {model} on {benchmark.name}: genuine pairs against impostor pairs.", marks,
        width=200, height=90, left=6, right=6, bottom=18, top=4,
    )  # fmt: skip


def history(epochs: Sequence[Epoch], style: Series) -> list[Chart]:
    """Return the charts of a training: the losses, and the EER on the validation sitters with the best epoch marked."""
    made = [
        _training_curve(over_epochs(epochs, lambda epoch: epoch.loss), "training loss", style, is_rate=False),
        _training_curve(over_epochs(epochs, lambda epoch: epoch.val_loss), "loss, val faces", style, is_rate=False),
        _training_curve(over_epochs(epochs, lambda epoch: epoch.val_eer), "EER, val sitters, %", style, is_rate=True),
    ]
    return [chart for chart in made if chart]


def over_epochs(epochs: Sequence[Epoch], value: Callable[[Epoch], float | None]) -> list[Point]:
    """Return a value of each epoch over its number; epochs without the value are left out."""
    return [(float(epoch.epoch), found) for epoch in epochs if (found := value(epoch)) is not None]


def _training_curve(points: list[Point], title: str, style: Series, is_rate: bool) -> Chart | None:
    if not points:
        return None
    top = max(y for _, y in points) * 1.08 or 1.0
    low = min(0.0, *(y for _, y in points)) if not is_rate else 0.0
    first, last = points[0][0], max(points[-1][0], points[0][0] + 1)
    y_ticks = [(t, f"{100 * t:g}" if is_rate else plain(t)) for t in linear_ticks(low, top, 4)]
    x_ticks = [(t, plain(t)) for t in linear_ticks(first, last, 5) if t == int(t)]
    label = f"{title} of {style.name} by epoch, from {plain(points[0][1])} to {plain(points[-1][1])}"
    marks: list[Mark] = [Line(points, style.css, style.name)]
    trained = [p for p in points if p[0] >= 1]  # epoch 0 is the network before training, which is never kept
    if is_rate and trained:
        if points[0][0] == 0:
            marks.insert(0, DottedLine([(first, points[0][1]), (last, points[0][1])]))
        epoch, best = min(trained, key=lambda p: (p[1], p[0]))
        marks.append(Dot(epoch, best, style.css, f"best: {percent(best)} at epoch {plain(epoch)}"))
    return Chart(
        Axis(first, last, x_ticks, "epoch"), Axis(low, top, y_ticks, title), label, marks,
        width=200, height=140, left=42, bottom=34, right=8,
    )  # fmt: skip
