"""Maps of the embeddings, as small pictures: one for each model, coloured by the commonest values of a column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from pipeline.reporting.numbers import number
from pipeline.reporting.read import COLOURS, Benchmark, Row, Series
from pipeline.reporting.svg import Axis, Chart

FIXED = ("model", "image_id", "x", "y")


@dataclass(frozen=True)
class Map:
    """The maps of all models, coloured by one column."""

    column: str
    legend: list[tuple[str, str]]
    """The class of the colour, and the value that it stands for."""
    more: int
    """Values that have no colour of their own."""
    pictures: list[tuple[Series, Markup]]


def maps(benchmark: Benchmark, styles: Mapping[str, Series]) -> list[Map]:
    """Return the maps of a benchmark of kind `embedding-map`, for each column that colours them."""
    by_model = {model: rows for model, rows in benchmark.curves.get("map", {}).items() if model in styles and rows}
    if not by_model:
        return []
    rows = next(iter(by_model.values()))
    return [_map(column, by_model, styles) for column in rows[0] if column not in FIXED]


def _map(column: str, by_model: Mapping[str, list[Row]], styles: Mapping[str, Series]) -> Map:
    count = Counter(row[column] for row in next(iter(by_model.values())) if row[column])
    values = [value for value, _ in sorted(count.items(), key=lambda item: (-item[1], item[0]))]
    css = {value: f"c{place}" for place, value in enumerate(values[:COLOURS])}
    pictures = [(styles[m], _picture(m, column, by_model[m], css)) for m in styles if m in by_model]
    return Map(column, [(css[value], value) for value in css], len(values) - len(css), pictures)


def _picture(model: str, column: str, rows: list[Row], css: Mapping[str, str]) -> Markup:
    """One model's map: a path for each colour, whose parts of no length are drawn as dots."""
    placed = [(x, y, row[column]) for row in rows if (x := number(row["x"])) is not None
              and (y := number(row["y"])) is not None]  # fmt: skip
    xs, ys = [x for x, _, _ in placed], [y for _, y, _ in placed]
    chart = Chart(
        Axis(min(xs), max(xs) + 1e-9, [], ""), Axis(min(ys), max(ys) + 1e-9, [], ""),
        f"Map of {len(placed)} embeddings by {model}, coloured by {column}; a picture for the eye alone.",
        width=220, height=220, left=6, right=6, bottom=6, top=6,
    )  # fmt: skip
    content = []
    for value in ["", *css]:  # the colourless first, below the others
        dots = [(x, y) for x, y, own in placed if (own if own in css else "") == value]
        if dots:
            path = "".join(f"M{chart.px(x):g},{chart.py(y):g}h0" for x, y in dots)
            name = value or "all others"
            drawn = Markup('<path class="spot {}" d="{}"><title>{}: {}</title></path>')
            content.append(drawn.format(css.get(value, "rest"), path, name, len(dots)))
    return chart.svg(*content)
