"""A search of a gallery: for each probe, one score for each sitter of the gallery."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from pipeline.metrics.result import Floats, Ints

Pooling = Literal["best", "mean"]
# Scores held at once.
CELLS = 8_000_000


class Portrait(NamedTuple):
    """An image that is searched for, or that stands in the gallery."""

    dataset: str
    image_id: str
    sitter: str
    """Empty where nobody knows."""
    picture: str
    """A name that all images of one picture share: copies, and the renderings of a photograph."""


Scorer = Callable[[Sequence[Portrait], Sequence[Portrait]], Floats]
"""Gives the scores of probes against portraits of the gallery: float64 [p, g], NaN where there is none."""


@dataclass(frozen=True)
class Arranged:
    """A gallery, the portraits of each sitter side by side: what every search in it needs, made once."""

    sitters: list[str]
    """[s], sorted."""
    portraits: list[Portrait]
    """[g], in the order of the sitters."""
    starts: Ints
    """[s] place of each sitter's first portrait."""
    order: Ints
    """[g] place of each portrait in the gallery as it was given."""
    by_picture: dict[str, list[int]]
    """Places of the portraits that show a picture, by its name."""


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
    """The searches of p probes in a gallery of s sitters."""

    sitters: list[str]
    """[s] of the gallery, sorted."""
    scores: Floats
    """[p, s] of each probe with each sitter; −inf where no portrait of the sitter may be compared with the probe."""
    best: Ints
    """[p, s] place in the gallery of the sitter's portrait that is most like the probe; −1 where there is none."""


def search(
    probes: Sequence[Portrait],
    gallery: Sequence[Portrait] | Arranged,
    score: Scorer,
    pooling: Pooling,
    *,
    apart: bool,
    apart_of: Collection[str] = (),
) -> Searches:
    """Return the searches of all probes, in blocks of probes.

    Args:
        probes: p portraits.
        gallery: portraits whose sitters are known, as a list or arranged.
        score: gives the scores of pairs.
        pooling: a sitter's score is that of the portrait most like the probe (`best`) or the mean of all (`mean`).
        apart: leave out portraits that show the probe's own picture, as a test has to: they would give the answer away.
            In a real question such a picture is the answer. A portrait is never compared with itself.
        apart_of: sitters whose portraits among the probes are tests all the same.
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
