"""What the models look at: the attribution maps that `explain` made, with the models side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipeline.reporting.album import EmbeddedPicture, StudyAlbum
from pipeline.reporting.pair_gallery import PairImage
from pipeline.reporting.series import Series, Styles
from pipeline.store.attributions import Attributions, ExplainedPair, Maps

TITLES = {
    "hardest_genuine": "Same sitter, scored lowest",
    "hardest_impostor": "Different sitters, scored highest",
    "easiest_genuine": "Same sitter, scored highest",
}
STRONGEST = 99.0
"""Percentile of the absolute values of a pair's two maps that gets the full colour."""


@dataclass(frozen=True)
class AttributionView:
    """The attribution maps of a pair by one model."""

    style: Series
    score: float | None
    probe: EmbeddedPicture | None
    gallery: EmbeddedPicture | None


@dataclass(frozen=True)
class Explained:
    """A pair of faces, and its attribution maps by each model."""

    probe: PairImage
    gallery: PairImage
    views: list[AttributionView]


@dataclass(frozen=True)
class Explanations:
    """All explained pairs by sort, and the method."""

    method: str
    chooser: str
    groups: list[tuple[str, list[Explained]]]


def explanations(
    method: str, chooser: str, made: Mapping[str, Attributions], album: StudyAlbum, styles: Styles
) -> Explanations | None:
    """Return the maps of every model that has them; None where there are none.

    Args:
        method: the method of attribution.
        chooser: the model that chose the pairs.
        made: by model, its pairs and their maps.
        album: collects the pictures.
        styles: the look of the models.
    """
    every = [(model, found) for model, found in made.items() if model in styles]
    same = {m: found for m, found in every if _keys(found.pairs) == _keys(every[0][1].pairs)}  # others have other pairs
    if not same:
        return None
    groups: dict[str, list[Explained]] = {}
    for n, pair in enumerate(every[0][1].pairs):
        views = [_view(styles[m], found.pairs[n], found.maps[n], album) for m, found in same.items()]
        probe, gallery = (PairImage.of(album, *image) for image in _images(pair))
        explained = Explained(probe, gallery, views)
        groups.setdefault(TITLES.get(pair.sort, pair.sort), []).append(explained)
    return Explanations(method, chooser, list(groups.items()))


def _keys(pairs: Sequence[ExplainedPair]) -> list[ExplainedPair]:
    return [replace(pair, score=None) for pair in pairs]


def _images(pair: ExplainedPair) -> tuple[tuple[str, str], tuple[str, str]]:
    """Return data set and id of both images."""
    return (pair.probe_dataset, pair.probe), (pair.gallery_dataset, pair.gallery)


def _view(style: Series, pair: ExplainedPair, both: Maps, album: StudyAlbum) -> AttributionView:
    strongest = float(np.percentile(np.abs(both), STRONGEST)) or 1.0
    pictures = [
        album.tinted(*side, f"{style.name}/{pair.pair}", values / strongest)
        for side, values in zip(_images(pair), both, strict=True)
    ]
    return AttributionView(style, pair.score, *pictures)
