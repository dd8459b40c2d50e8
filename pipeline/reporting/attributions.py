"""What the models look at: the maps that `explain` made, the models side by side on the same pairs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.reporting.album import Album, Picture
from pipeline.reporting.gallery import Side
from pipeline.reporting.numbers import decimal, number
from pipeline.reporting.read import Row, Series
from pipeline.store.attributions import PAIR, has_attributions, read_explained_pairs, read_maps

if TYPE_CHECKING:
    from pipeline.params import Study

TITLES = {
    "hardest_genuine": "Same sitter, scored lowest",
    "hardest_impostor": "Different sitters, scored highest",
    "easiest_genuine": "Same sitter, scored highest",
}
STRONGEST = 99.0
"""Percentile of a pair's two maps, without their signs, that has the full colour."""


@dataclass(frozen=True)
class View:
    """A pair as one model sees it."""

    style: Series
    score: str
    probe: Picture | None
    gallery: Picture | None


@dataclass(frozen=True)
class Explained:
    """A pair, plain and as each model sees it."""

    probe: Side
    gallery: Side
    views: list[View]


@dataclass(frozen=True)
class Explanations:
    """All pairs by sort, and how they were explained."""

    method: str
    chooser: str
    groups: list[tuple[str, list[Explained]]]


def explanations(study: Study, album: Album, styles: Mapping[str, Series]) -> Explanations | None:
    """The maps of every model that has them; None where the study has none, or `explain` has not run."""
    explain = study.explain
    if explain is None:
        return None
    made = [m for m in explain.models if m in styles and has_attributions(m, album.at)]
    pairs = {m: read_explained_pairs(m, album.at) for m in made}
    models = [m for m in made if _keys(pairs[m]) == _keys(pairs[made[0]])]  # others were made for other pairs
    if not models:
        return None
    maps = {m: read_maps(m, album.at) for m in models}
    groups: dict[str, list[Explained]] = {}
    for n, row in enumerate(pairs[models[0]]):
        views = [_view(styles[m], pairs[m][n], maps[m][n], album) for m in models]
        found = Explained(_side(row, "probe", album), _side(row, "gallery", album), views)
        groups.setdefault(TITLES.get(row["sort"], row["sort"]), []).append(found)
    return Explanations(explain.method, explain.models[0], list(groups.items()))


def _keys(rows: list[Row]) -> list[tuple[str, ...]]:
    return [tuple(row[column] for column in PAIR) for row in rows]


def _view(style: Series, row: Row, both: Any, album: Album) -> View:
    import numpy as np

    strongest = float(np.percentile(np.abs(both), STRONGEST)) or 1.0
    pictures = [
        album.tinted(row[f"{side}_dataset"], row[side], f"{style.name}/{row['pair']}", values / strongest)
        for side, values in zip(("probe", "gallery"), both, strict=True)
    ]
    return View(style, decimal(number(row.get("score"))), *pictures)


def _side(row: Row, side: str, album: Album) -> Side:
    return Side.of(album, row[f"{side}_dataset"], row[side])
