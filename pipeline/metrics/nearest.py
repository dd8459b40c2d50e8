"""Finds the sitters of a gallery who are most like a probe: exactly, and about as fast as memory is read.

The gallery is read in blocks that fit into the caches. The cosines with a block are one matrix product in single
precision. A bound on the rounding of such a product (Higham 2002, section 3.1) says which cosines may be among the k
highest; these are computed again in double precision. The result is the same as in double precision, but it takes
neither a matrix of all scores nor a copy of the gallery.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.core.numbers import Floats, Ints, Singles, rounded, unit
from pipeline.core.parallel import cores

PROBES = 256
"""Number of probes that are searched for at once."""
CELLS = 2**19
"""Number of scores of a block: few enough to stay in the caches."""
LEAST_ROWS, MOST_ROWS = 4096, 65536
"""Bounds on the rows of the gallery in a block; matrix products with fewer rows are slow."""
LOWEST = np.finfo(np.float32).min
EXACT_ROWS = 4096
"""Number of pairs that are computed in double precision at once."""
SAFE_NORMS = (1e-9, 1e9)
"""Between these norms, products in single precision neither overflow nor lose digits to underflow."""


class SearchGallery:
    """The images that probes are compared with; the images of a sitter stand side by side."""

    def __init__(self, vectors: Singles, order: Ints | None = None, starts: Ints | None = None) -> None:
        """Take the vectors without a copy, unless their norms are too far from 1.

        Args:
            vectors: [n, d], float32, finite and not zero.
            order: [g] rows of the vectors, in the order of the sitters; None: as they stand.
            starts: [s] place of each sitter's first image in that order, ascending from 0. None: an image each.
        """
        norms = np.empty(len(vectors))
        for n in range(0, len(vectors), MOST_ROWS):
            norms[n : n + MOST_ROWS] = _norms(vectors[n : n + MOST_ROWS])
        in_order = order is None or np.array_equal(order, np.arange(len(vectors)))
        self._vectors, self._order = vectors, None if in_order else order
        self._singles = vectors
        if len(norms) and (norms.min() < SAFE_NORMS[0] or norms.max() > SAFE_NORMS[1]):
            self._singles, norms = unit(vectors).astype(np.float32), np.ones(len(vectors))
        self._scale = (1 / norms if self._order is None else 1 / norms[self._order]).astype(np.float32)
        self.images = len(self._scale)
        self.starts = np.arange(self.images) if starts is None else starts
        self.sizes = np.diff(np.append(self.starts, self.images))
        self.alone = len(self.starts) == self.images
        self.margin = (vectors.shape[1] + 8) * 2.0**-24
        """The largest rounding error of a score in single precision."""

    def __len__(self) -> int:
        """Return the number of sitters."""
        return len(self.starts)

    def blocks(self, probes: int) -> Iterator[tuple[slice, slice]]:
        """Yield the sitters and the images of each block; `probes` is the number of probes."""
        size = min(max(CELLS // probes, LEAST_ROWS), MOST_ROWS)
        first = 0
        while first < len(self):
            last = max(first + 1, int(np.searchsorted(self.starts, self.starts[first] + size, side="right")) - 1)
            last = len(self) if self.starts[first] + size >= self.images else last
            end = self.images if last == len(self) else int(self.starts[last])
            yield slice(first, last), slice(int(self.starts[first]), end)
            first = last

    def roughly(self, probes: Singles, images: slice) -> Singles:
        """Return scores [images, probes] in single precision, of probes of length 1."""
        block = self._singles[images] if self._order is None else self._singles[self._order[images]]
        scores: Singles = block @ probes.T
        scores *= self._scale[images, None]
        return scores

    def exactly(self, probes: Floats, rows: Ints, images: Ints) -> Floats:
        """Return scores [n] in double precision, of pairs of a probe and an image."""
        found = np.empty(len(rows))
        for n in range(0, len(rows), EXACT_ROWS):
            here = slice(n, n + EXACT_ROWS)
            places = images[here] if self._order is None else self._order[images[here]]
            found[here] = np.einsum("nd,nd->n", unit(self._vectors[places]), probes[rows[here]])
        return rounded(found)


def _norms(vectors: Singles) -> Floats:
    """Return the norms in double precision: [n]."""
    found: Floats = np.sqrt(np.einsum("nd,nd->n", vectors, vectors, dtype=np.float64))
    return found


@dataclass(frozen=True)
class Struck:
    """Pairs that are not compared: rows of the probes and places of the gallery's images, [n] each."""

    rows: Ints
    images: Ints

    @classmethod
    def of(cls, rows: Ints, images: Ints) -> Struck:
        """Return the pairs, sorted by image."""
        order = np.argsort(images, kind="stable")
        return cls(rows[order], images[order])

    def among(self, probes: slice) -> Struck:
        """Return the pairs of some probes; their rows count from the first of these probes."""
        here = (self.rows >= probes.start) & (self.rows < probes.stop)
        return Struck(self.rows[here] - probes.start, self.images[here])

    def strike(self, scores: NDArray[Any], images: slice) -> None:
        """Set these pairs to −inf in a block of scores [images, probes]."""
        here = slice(*np.searchsorted(self.images, [images.start, images.stop]))
        scores[self.images[here] - images.start, self.rows[here]] = -np.inf

    def holds(self, rows: Ints, images: Ints, many: int) -> NDArray[np.bool_]:
        """Return whether pairs [n] are among these; `many` is the number of images of the gallery."""
        return np.isin(rows * many + images, self.rows * many + self.images)


NOTHING = Struck(np.zeros(0, np.int64), np.zeros(0, np.int64))


@dataclass(frozen=True)
class Nearest:
    """The sitters who are most like each probe, the likest first; of equals, the first in the gallery."""

    sitters: Ints
    """[p, k] places in the gallery; −1 if the gallery has no further sitter."""
    scores: Floats
    """[p, k] score of the sitter's image that is most like the probe, in double precision; −inf if there is none."""
    own: Floats
    """[p] score of the probe's own sitter; −inf where it is not in the gallery."""
    before: Ints
    """[p] number of other sitters with at least this score; 0 if there is no own score."""


def nearest(
    gallery: SearchGallery, probes: NDArray[Any], k: int, *, struck: Struck = NOTHING, own: Ints | None = None
) -> Nearest:
    """Return the k sitters who are most like each probe, without the probe's own sitter.

    Args:
        gallery: the gallery, with s sitters.
        probes: vectors [p, d], finite and not zero.
        k: number of sitters; all of them if the gallery has fewer.
        struck: pairs that are not compared.
        own: [p] place of each probe's own sitter, −1 where it is not in the gallery; None: no own sitter is known.

    Raises:
        ValueError: k is not positive.
    """
    if k < 1:
        raise ValueError(f"k is {k}; expected: at least 1")
    k, count = min(k, max(len(gallery), 1)), len(probes)
    mine = np.full(count, -1) if own is None else own
    found = Nearest(
        np.full((count, k), -1), np.full((count, k), -np.inf), np.full(count, -np.inf), np.zeros(count, int)
    )
    for start in range(0, count if len(gallery) else 0, PROBES):
        here = slice(start, min(start + PROBES, count))
        _search(gallery, unit(probes[here]), k, struck.among(here), mine[here], found, here)
    return found


def _search(
    gallery: SearchGallery, probes: Floats, k: int, struck: Struck, mine: Ints, found: Nearest, where: slice
) -> None:
    """Search for some probes, and write the results into `found`."""
    at_home = np.flatnonzero(mine >= 0)
    own = np.full(len(probes), -np.inf)
    own[at_home] = _pooled(gallery, probes, at_home, mine[at_home], struck)
    screen = _Screen(gallery, probes.astype(np.float32), k, struck, mine, own)
    screen.run()
    rows, who, rough = (np.concatenate(parts) for parts in zip(*screen.near, strict=True))
    kept = rough >= screen.limit[rows]
    rows, who = rows[kept], who[kept]
    exact = _pooled(gallery, probes, rows, who, struck)
    order = np.lexsort((who, -exact, rows))
    rows, who, exact = rows[order], who[order], exact[order]
    rank = np.arange(len(rows)) - np.searchsorted(rows, rows)
    first = (rank < k) & np.isfinite(exact)
    found.sitters[where][rows[first], rank[first]] = who[first]
    found.scores[where][rows[first], rank[first]] = exact[first]
    rows, who = (np.concatenate(parts) for parts in zip(*screen.unsure, strict=True))
    ahead = _pooled(gallery, probes, rows, who, struck) >= own[rows]
    found.own[where] = own
    found.before[where] = screen.before + np.bincount(rows[ahead], minlength=len(probes))


class _Screen:
    """One pass over the gallery in single precision, for some probes."""

    def __init__(
        self, gallery: SearchGallery, probes: Singles, k: int, struck: Struck, mine: Ints, own: Floats
    ) -> None:
        """Start without results; see `nearest` for the arguments. `own` [p]: scores of the probes' own sitters."""
        self.gallery, self.probes, self.k, self.struck, self.mine = gallery, probes, k, struck, mine
        self.slack = np.float32(2 * gallery.margin)
        there = np.where(np.isfinite(own), own, np.inf).astype(np.float32)
        self.least, self.surely = there - self.slack, there + self.slack
        self.top = np.full((len(probes), k), LOWEST)
        self.limit = np.full(len(probes), LOWEST)
        """[p] a sitter with a lower score is not among the k nearest."""
        self.near: list[tuple[Ints, Ints, Singles]] = []
        """Probes, sitters who may be among their k nearest, and the scores."""
        self.unsure: list[tuple[Ints, Ints]] = []
        """Probes and sitters; only double precision can tell whether these sitters are ahead of the own sitter."""
        self.before = np.zeros(len(probes), np.int64)
        """[p] number of sitters who are certainly ahead of the own sitter."""

    def run(self) -> None:
        """Look at all blocks, with a thread for each core that this process may use."""
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

        blocks = list(self.gallery.blocks(len(self.probes)))
        if len(blocks) == 1:
            self.enter(self.look(blocks[0]))
            return
        threads = cores()
        with threadpool_limits(1), ThreadPoolExecutor(threads) as pool:
            for start in range(0, len(blocks), 2 * threads):  # in batches, each with the limit that is known by then
                for hits in pool.map(self.look, blocks[start : start + 2 * threads]):
                    self.enter(hits)

    def look(self, block: tuple[slice, slice]) -> _Hits:
        """Compare the probes with a block of the gallery."""
        sitters, images = block
        scores, limit, many = self.gallery.roughly(self.probes, images), self.limit, len(self.probes)
        self.struck.strike(scores, images)
        if not self.gallery.alone:
            scores = np.maximum.reduceat(scores, self.gallery.starts[sitters] - images.start, axis=0)
        here = np.flatnonzero((self.mine >= sitters.start) & (self.mine < sitters.stop))
        scores[self.mine[here] - sitters.start, here] = -np.inf
        before, unsure = np.zeros(many, np.int64), (np.zeros(0, np.int64), np.zeros(0, np.int64))
        if np.isfinite(self.least).any():
            who, rows = _where(scores >= self.least)
            ahead = scores[who, rows] > self.surely[rows]
            before = np.bincount(rows[ahead], minlength=many)
            unsure = rows[~ahead], who[~ahead] + sitters.start
        if len(scores) > self.k and limit[0] == LOWEST:
            limit = np.partition(scores.T, len(scores) - self.k, axis=1)[:, -self.k] - self.slack
            limit = np.maximum(limit, LOWEST)
        who, rows = _where(scores >= limit)
        return _Hits((rows, who + sitters.start, scores[who, rows]), unsure, before)

    def enter(self, hits: _Hits) -> None:
        """Take over the hits of a block."""
        self.near.append(hits.near)
        self.unsure.append(hits.unsure)
        self.before += hits.before
        rows, _, scores = hits.near
        for row in np.unique(rows):
            self.top[row] = np.partition(np.append(self.top[row], scores[rows == row]), -self.k)[-self.k :]
        self.limit = np.maximum(self.top.min(axis=1) - self.slack, LOWEST)


class _Hits(NamedTuple):
    """The hits of a block; see `_Screen` for the fields."""

    near: tuple[Ints, Ints, Singles]
    unsure: tuple[Ints, Ints]
    before: Ints


def _where(chosen: NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """Return the same as `np.nonzero`, which is slow if few of many cells are chosen."""
    rows, columns = np.divmod(np.flatnonzero(chosen), chosen.shape[1])
    return rows, columns


def _pooled(gallery: SearchGallery, probes: Floats, rows: Ints, sitters: Ints, struck: Struck) -> Floats:
    """Return scores [n] of pairs of a probe and a sitter in double precision; −inf if no image is compared."""
    if not len(rows):
        return np.zeros(0)
    sizes = gallery.sizes[sitters]
    firsts = np.cumsum(sizes) - sizes
    images = np.arange(sizes.sum()) + np.repeat(gallery.starts[sitters] - firsts, sizes)
    of_probe = np.repeat(rows, sizes)
    scores = gallery.exactly(probes, of_probe, images)
    scores[struck.holds(of_probe, images, gallery.images)] = -np.inf
    pooled: Floats = np.maximum.reduceat(scores, firsts)
    return pooled
