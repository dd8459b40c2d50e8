"""Error against discard: a table, and a chart for each quality measure."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.reporting.lines import Lines, drawn
from pipeline.reporting.series import Series, Styles
from pipeline.reporting.svg import Chart
from pipeline.store.benchmarks import Benchmark
from pipeline.store.figure_names import discarding

NAMES = {"score": "detection score", "size": "face size", "norm": "length of the vector"}


@dataclass(frozen=True)
class Discard:
    """Error against discard of all models on one benchmark."""

    qualities: list[str]
    rows: list[tuple[Series, list[float | None]]]
    """Model, and its area under the curve for each quality measure."""
    charts: list[tuple[str, Chart]]
    """Quality measure and picture."""


def discard(benchmark: Benchmark, styles: Styles) -> Discard | None:
    """Return the table and charts of a benchmark; None where no model has a curve."""
    by_model = benchmark.discard
    qualities = list(dict.fromkeys(quality for curves in by_model.values() for quality in curves))
    if not qualities:
        return None
    charts = []
    for quality in qualities:
        chosen = {m: curves[quality] for m, curves in by_model.items() if quality in curves}
        name = NAMES.get(quality, quality)
        label = (
            f"FNMR on {benchmark.name} over the share of images that are left out, beginning with the lowest {name}."
        )
        what = Lines(label, ("images left out, %", "FNMR of the others, %"))
        if chart := drawn(chosen, styles, what):
            charts.append((name, chart))
    rows = [(styles[model], [benchmark.value(model, discarding(q)) for q in qualities]) for model in by_model]
    return Discard([NAMES.get(q, q) for q in qualities], rows, charts)
