"""A search of a gallery: for each probe, one score for each sitter of the gallery."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from pipeline.core.numbers import Floats, Ints

SitterPooling = Literal["best", "mean"]
CELLS = 2**19
"""Number of scores in a block, which fits into the caches."""
LEAST_PORTRAITS, MOST_PORTRAITS = 4096, 65536
"""Bounds of the number of gallery portraits in a block: products of matrices with fewer rows are slow."""


class Portrait(NamedTuple):
    """An image that is a probe or in the gallery."""

    dataset: str
    image_id: str
    sitter: str
    """The sitter; empty if nobody knows."""
    picture: str
    """A name that all images of one picture share, such as copies and the renderings of a photograph."""


Matrix = Callable[[slice, slice], Floats]
"""A function that returns the scores of some probes against some portraits: a new float64 [p, g], NaN for no score."""
Scorer = Callable[[Sequence[Portrait], Sequence[Portrait]], Matrix]
"""A function that prepares the comparison of probes with portraits of the gallery."""


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
    pooling: SitterPooling,
    *,
    apart: bool,
    apart_of: Collection[str] = (),
) -> Searches:
    """Search the gallery for all probes, in blocks of probes and of the gallery.

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
    found = Searches(
        within.sitters,
        np.full((len(probes), len(within.sitters)), -np.inf),
        np.full((len(probes), len(within.sitters)), -1, dtype=np.int64),
    )
    if not probes or not within.sitters:
        return found
    matrix = score(probes, within.portraits)
    out = _struck(probes, within, apart, apart_of)
    for sitters, portraits in _blocks(within, len(probes)):
        size = max(1, CELLS // (portraits.stop - portraits.start))
        for begin in range(0, len(probes), size):
            rows = slice(begin, min(begin + size, len(probes)))
            scores = matrix(rows, portraits)
            here = np.flatnonzero(
                (out[0] >= rows.start) & (out[0] < rows.stop) & (out[1] >= portraits.start) & (out[1] < portraits.stop)
            )
            scores[out[0][here] - rows.start, out[1][here] - portraits.start] = np.nan
            pooled, nearest = _pooled(scores, within.starts[sitters] - portraits.start, pooling)
            found.scores[rows, sitters] = pooled
            found.best[rows, sitters] = np.where(nearest >= 0, within.order[portraits.start + nearest], -1)
    return found


def _struck(probes: Sequence[Portrait], within: Arranged, apart: bool, apart_of: Collection[str]) -> tuple[Ints, Ints]:
    """Return the pairs that are not compared, as rows and places among the arranged portraits."""
    pairs = [
        (row, place)
        for row, probe in enumerate(probes)
        for place in within.by_picture.get(probe.picture, ())
        if apart or (probe.sitter and probe.sitter in apart_of) or within.portraits[place][:2] == probe[:2]
    ]
    rows, places = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return rows, places


def _blocks(within: Arranged, probes: int) -> Iterator[tuple[slice, slice]]:
    """Give blocks of whole sitters: the sitters and their portraits."""
    size = min(max(CELLS // probes, LEAST_PORTRAITS), MOST_PORTRAITS)
    ends = np.append(within.starts[1:], len(within.portraits))
    first = 0
    while first < len(ends):
        last = max(first + 1, int(np.searchsorted(ends, within.starts[first] + size, side="right")))
        yield slice(first, last), slice(int(within.starts[first]), int(ends[last - 1]))
        first = last


def _pooled(scores: Floats, starts: Ints, pooling: SitterPooling) -> tuple[Floats, Ints]:
    """Return the scores of sitters [p, s] and the places of their portraits that are most like the probe.

    Args:
        scores: of portraits [p, g], a sitter's side by side; NaN where there is none.
        starts: [s] place of each sitter's first portrait.
        pooling: how scores become one.
    """
    known = ~np.isnan(scores)
    filled = np.where(known, scores, -np.inf)
    size = scores.shape[1]
    if len(starts) == size:
        return filled, np.where(known, np.arange(size), -1)
    best = np.maximum.reduceat(filled, starts, axis=1)
    counts = np.diff(np.append(starts, size))
    first = np.where(known & (filled == np.repeat(best, counts, axis=1)), np.arange(size), size)
    nearest = np.minimum.reduceat(first, starts, axis=1)
    nearest[nearest == size] = -1
    if pooling == "best":
        return best, nearest
    count = np.add.reduceat(known, starts, axis=1, dtype=np.int64)
    total = np.add.reduceat(np.where(known, scores, 0.0), starts, axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), -np.inf), nearest
