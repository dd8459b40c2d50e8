"""A search of a gallery: for each probe, one score for each sitter of the gallery."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from pipeline.metrics.result import Floats, Ints

Pooling = Literal["best", "mean"]
# Number of scores in memory at once.
CELLS = 8_000_000


class Portrait(NamedTuple):
    """An image that is a probe or in the gallery."""

    dataset: str
    image_id: str
    sitter: str
    """The sitter; empty if nobody knows."""
    picture: str
    """A name that all images of one picture share, such as copies and the renderings of a photograph."""


Scorer = Callable[[Sequence[Portrait], Sequence[Portrait]], Floats]
"""A function that returns the scores of probes against portraits of the gallery: float64 [p, g], NaN for no score."""


@dataclass(frozen=True)
class Arranged:
    """A gallery with the portraits of each sitter side by side, arranged once for all searches."""

    sitters: list[str]
    """[s], sorted."""
    portraits: list[Portrait]
    """[g], in the order of the sitters."""
    starts: Ints
    """[s], place of each sitter's first portrait."""
    order: Ints
    """[g], place of each portrait in the gallery as it was given."""
    by_picture: dict[str, list[int]]
    """Places of the portraits of a picture, by the picture's name."""


def arranged(gallery: Sequence[Portrait]) -> Arranged:
    """Return a gallery, arranged by sitter."""
    sitters = sorted({portrait.sitter for portrait in gallery})
    number = {sitter: n for n, sitter in enumerate(sitters)}
    order = sorted(range(len(gallery)), key=lambda n: number[gallery[n].sitter])
    ordered = [gallery[n] for n in order]
    starts = np.searchsorted([number[portrait.sitter] for portrait in ordered], np.arange(len(sitters)))
    by_picture: dict[str, list[int]] = {}
    for place, portrait in enumerate(ordered):
        by_picture.setdefault(portrait.picture, []).append(place)
    return Arranged(sitters, ordered, starts, np.asarray(order, dtype=np.int64), by_picture)


@dataclass(frozen=True)
class Searches:
    """The searches for p probes in a gallery of s sitters."""

    sitters: list[str]
    """[s], the sitters of the gallery, sorted."""
    scores: Floats
    """[p, s], score of each probe with each sitter; −inf if no portrait of the sitter may be compared with the
    probe."""
    best: Ints
    """[p, s], place in the gallery of the sitter's portrait with the highest score; −1 if there is none."""


def search(
    probes: Sequence[Portrait],
    gallery: Sequence[Portrait] | Arranged,
    score: Scorer,
    pooling: Pooling,
    *,
    apart: bool,
    apart_of: Collection[str] = (),
) -> Searches:
    """Search the gallery for all probes, in blocks of probes.

    Args:
        probes: p portraits.
        gallery: portraits of known sitters, as a list or arranged.
        score: gives the scores of pairs.
        pooling: how the scores of a sitter's portraits make one score: their highest (`best`) or their mean (`mean`).
        apart: leave out gallery portraits that show the probe's own picture. A test needs this, because they would give
            the answer away; in a real question such a picture is the answer. A portrait is never compared with itself.
        apart_of: sitters whose probes are treated as with `apart` in any case.
    """
    within = gallery if isinstance(gallery, Arranged) else arranged(gallery)
    sitters, ordered, starts, by_picture = within.sitters, within.portraits, within.starts, within.by_picture
    scores = np.full((len(probes), len(sitters)), -np.inf)
    best = np.full((len(probes), len(sitters)), -1, dtype=np.int64)
    places = within.order
    size = max(1, CELLS // max(1, len(ordered)))
    for begin in range(0, len(probes) if sitters else 0, size):
        block = probes[begin : begin + size]
        found = np.array(score(block, ordered), dtype=np.float64)
        for row, probe in enumerate(block):
            tested = apart or (probe.sitter and probe.sitter in apart_of)
            own = by_picture.get(probe.picture, [])
            found[row, [n for n in own if tested or ordered[n][:2] == probe[:2]]] = np.nan
        known = ~np.isnan(found)
        here = slice(begin, begin + len(block))
        count = np.add.reduceat(known, starts, axis=1, dtype=np.int64)
        filled = np.where(known, found, -np.inf)
        for column, (start, end) in enumerate(zip(starts, [*starts[1:], len(ordered)], strict=True)):
            nearest = start + filled[:, start:end].argmax(axis=1)
            best[here, column] = np.where(count[:, column] > 0, places[nearest], -1)
        if pooling == "best":
            scores[here] = np.maximum.reduceat(filled, starts, axis=1)
        else:
            total = np.add.reduceat(np.where(known, found, 0.0), starts, axis=1)
            scores[here] = np.where(count > 0, total / np.maximum(count, 1), -np.inf)
    return Searches(sitters, scores, best)
