"""How the error falls when the images of the worst quality are left out: a table, and a figure for each quality."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from pipeline.reporting import numbers
from pipeline.reporting.lines import Lines, drawn
from pipeline.reporting.read import Benchmark, Series

NAMES = {"score": "detection score", "size": "face size", "norm": "length of the vector"}


@dataclass(frozen=True)
class Discard:
    """The fold of a benchmark."""

    qualities: list[str]
    rows: list[tuple[Series, list[str]]]
    """Model, and its area under the curve by each quality."""
    charts: list[tuple[str, Markup]]
    """Quality, picture."""


def discard(benchmark: Benchmark, styles: Mapping[str, Series]) -> Discard | None:
    """The curves of every model of a benchmark; None where none has any."""
    by_model = {m: rows for m, rows in benchmark.curves.get("discard", {}).items() if m in styles}
    qualities = list(dict.fromkeys(row["quality"] for rows in by_model.values() for row in rows))
    if not qualities:
        return None
    charts = []
    for quality in qualities:
        chosen = {m: [row for row in rows if row["quality"] == quality] for m, rows in by_model.items()}
        name = NAMES.get(quality, quality)
        label = (
            f"FNMR on {benchmark.name} over the share of images that are left out, those of the lowest {name} first."
        )
        what = Lines(label, "discarded", ("fnmr",), ("images left out, %", "FNMR of the others, %"))
        if picture := drawn(chosen, styles, what):
            charts.append((name, picture))
    rows = [
        (styles[model], [numbers.decimal(benchmark.value(model, f"edc_{q}")) for q in qualities]) for model in by_model
    ]
    return Discard([NAMES.get(q, q) for q in qualities], rows, charts)
