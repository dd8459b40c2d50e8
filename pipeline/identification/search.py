"""A search of a gallery: for each probe, one score for each sitter of the gallery."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from pipeline.metrics.result import Floats, Ints

Pooling = Literal["best", "mean"]
CELLS = 2**19
"""Scores of a block, which stay in the caches."""
LEAST_PORTRAITS, MOST_PORTRAITS = 4096, 65536
"""Of the gallery in a block: products of matrices with fewer rows are slow."""


class Portrait(NamedTuple):
    """An image that is searched for, or that stands in the gallery."""

    dataset: str
    image_id: str
    sitter: str
    """Empty where nobody knows."""
    picture: str
    """A name that all images of one picture share: copies, and the renderings of a photograph."""


Matrix = Callable[[slice, slice], Floats]
"""Gives the scores of some probes and some portraits of a gallery: a new float64 [p, g], NaN where there is none."""
Scorer = Callable[[Sequence[Portrait], Sequence[Portrait]], Matrix]
"""Gets ready to compare probes with portraits of a gallery."""


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
    """Return the searches of all probes, in blocks of probes and of the gallery.

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


def _pooled(scores: Floats, starts: Ints, pooling: Pooling) -> tuple[Floats, Ints]:
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
