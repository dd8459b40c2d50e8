"""Maps of the embeddings as small pictures: one for each model, coloured by the most frequent values of a column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.reporting.series import COLOURS, Series, Styles
from pipeline.reporting.svg import Axis, Chart, Spots
from pipeline.store.benchmarks import Benchmark
from pipeline.store.curves import Placed


@dataclass(frozen=True)
class Map:
    """The maps of all models, coloured by one column."""

    column: str
    legend: list[tuple[str, str]]
    """CSS class of each colour, and the value that it stands for."""
    more: int
    """Number of values that have no colour of their own."""
    pictures: list[tuple[Series, Chart]]


def maps(benchmark: Benchmark, styles: Styles) -> list[Map]:
    """Return the maps of a benchmark of kind `embedding-map`, for each column that colours them."""
    first = next(iter(benchmark.maps.values()), ())
    return [_map(column, first, benchmark.maps, styles) for column in (first[0].values if first else ())]


def _map(column: str, first: Sequence[Placed], by_model: Mapping[str, Sequence[Placed]], styles: Styles) -> Map:
    count = Counter(image.values[column] for image in first if image.values[column])
    values = [value for value, _ in sorted(count.items(), key=lambda item: (-item[1], item[0]))]
    css = {value: f"c{place}" for place, value in enumerate(values[:COLOURS])}
    pictures = [(styles[m], _picture(m, column, by_model[m], css)) for m in styles if m in by_model]
    return Map(column, [(css[value], value) for value in css], len(values) - len(css), pictures)


def _picture(model: str, column: str, images: Sequence[Placed], css: Mapping[str, str]) -> Chart:
    """Return the map of one model: a mark for each colour; grey dots are drawn first, below the others."""
    xs, ys = [image.x for image in images], [image.y for image in images]
    marks = []
    for value in ["", *css]:
        dots = [(i.x, i.y) for i in images if (i.values[column] if i.values[column] in css else "") == value]
        if dots:
            marks.append(Spots(dots, css.get(value, "rest"), value or "all others"))
    return Chart(
        Axis(min(xs), max(xs) + 1e-9, [], ""), Axis(min(ys), max(ys) + 1e-9, [], ""),
        f"Map of {len(images)} embeddings by {model}, coloured by {column}; only a picture for the eye.", marks,
        width=220, height=220, left=6, right=6, bottom=6, top=6,
    )  # fmt: skip
