"""All pairs of large sets in blocks: score histograms instead of scores, so that memory does not grow with the pairs.

Cosines are single-precision products of blocks; each falls into one of 65,536 bins of width 2⁻¹⁵ over [−1, 1]. FAR and
TAR at the bins' left edges are exact counts; between edges, EER and thresholds are resolved to a bin.

For the bootstrap the sitters are dealt at random into at most 128 groups, which are resampled as sitters otherwise are
(a group's pairs across its sitters count as often as the group). Pairs are counted by their two groups and by one of
about 500 levels, whose edges are bin edges chosen from a random sample of pairs, densely where the FAR is small.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice, pairwise

import numpy as np
from numpy.typing import NDArray

from pipeline.metrics.pairing import Example, Pairing, extremes
from pipeline.metrics.result import Floats, Ints, unit
from pipeline.metrics.verification import Tally
from pipeline.progress import progress

BINS = 1 << 16
RESOLUTION = 2 / BINS
GROUPS = 128
BLOCK = 1024
SAMPLE = 2048
IMPOSTOR, GENUINE, NEITHER = 0, 1, 2

Singles = NDArray[np.float32]


@dataclass
class Histograms:
    """What the blocks add up to."""

    fine: Ints
    """[2, BINS] impostor and genuine pairs by bin."""
    edges: Ints
    """[levels] the lowest bin of each level, ascending from 0."""
    impostor: Ints
    """[groups, groups, levels] impostor pairs by the groups of row and column."""
    genuine: Ints
    """[groups, levels] genuine pairs by the sitter's group."""
    examples: dict[str, list[Example]] = field(default_factory=dict)
    """The pairs worth looking at."""

    def tally(self) -> Tally:
        """Counts at the bins that are not empty; a bin's score is its left edge."""
        filled = np.flatnonzero(self.fine.any(axis=0))[::-1]
        impostor, genuine = self.fine[:, filled].astype(np.float64)
        return Tally(left_edges(filled), genuine, impostor)


def bins(scores: Singles) -> Ints:
    """Number of the bin that each cosine falls into."""
    found: Ints = ((scores + np.float32(1)) * np.float32(BINS / 2)).astype(np.intp)
    return np.clip(found, 0, BINS - 1, out=found)


def left_edges(numbers: Ints) -> Floats:
    """Lowest cosine of bins."""
    return numbers.astype(np.float64) * RESOLUTION - 1


def histograms(pairing: Pairing, seed: int, examples: int) -> Histograms:
    """Stream over all pairs of a pairing, with as many threads as there are cores.

    The result does not depend on the number of threads: counts are whole numbers, examples have an order of their own.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    rng = np.random.default_rng([seed, len(pairing.sitters)])
    blocks = _Blocks.of(pairing, rng, examples)
    groups, levels = min(GROUPS, len(pairing.sitters)), len(blocks.edges)
    total = Histograms(
        fine=np.zeros((2, BINS), dtype=np.int64),
        edges=blocks.edges,
        impostor=np.zeros((groups, groups, levels), dtype=np.int64),
        genuine=np.zeros((groups, levels), dtype=np.int64),
    )
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    corners = blocks.corners()
    bar = progress(range(0), "all pairs", total=pairing.size, unit="pair")
    with threadpool_limits(1), ThreadPoolExecutor(threads) as pool, bar:
        while batch := list(islice(corners, 4 * threads)):  # in batches, so that finished blocks do not pile up
            for part in pool.map(blocks.count, batch, [total.examples] * len(batch)):
                _add(total, part, examples)
                bar.update(int(part.fine.sum()))
    return total


@dataclass
class _Part:
    """What one block holds."""

    fine: Ints
    counts: list[tuple[int, int, Ints]]
    """Group of the rows, group of the columns, pairs [2, levels]."""
    examples: dict[str, list[Example]]


def _add(total: Histograms, part: _Part, examples: int) -> None:
    total.fine += part.fine
    for g, h, counts in part.counts:
        total.impostor[g, h] += counts[IMPOSTOR]
        if g == h:
            total.genuine[g] += counts[GENUINE]
    if any(part.examples.values()):  # a new dict, since blocks under way still read the old one
        merged = {k: total.examples.get(k, []) + v for k, v in part.examples.items()}
        total.examples = {k: sorted(v, key=lambda e: e.order(k))[:examples] for k, v in merged.items()}


@dataclass(frozen=True)
class _Side:
    """Rows or columns, sorted by group and, within it, by sitter."""

    order: Ints
    vectors: Singles
    sitter: NDArray[np.int32]
    group: Ints

    @staticmethod
    def of(vectors: Singles, sitter: NDArray[np.int32], group_of: Ints) -> _Side:
        order = np.lexsort((sitter, group_of[sitter]))
        return _Side(order, unit(vectors)[order].astype(np.float32), sitter[order], group_of[sitter[order]])

    def runs(self, start: int, end: int) -> list[tuple[int, slice]]:
        """Groups between two places, and where each lies, counted from `start`."""
        group = self.group[start:end]
        bounds = [0, *(np.flatnonzero(np.diff(group)) + 1), len(group)]
        return [(int(group[a]), slice(a, b)) for a, b in pairwise(bounds)]


@dataclass(frozen=True)
class _Blocks:
    """The matrix of all pairs, cut into blocks."""

    rows: _Side
    columns: _Side
    within: bool
    excluded: tuple[Ints, Ints]
    edges: Ints
    level_of: NDArray[np.uint16]
    keep: int

    @staticmethod
    def of(pairing: Pairing, rng: np.random.Generator, examples: int) -> _Blocks:
        sitters = len(pairing.sitters)
        group_of = np.empty(sitters, dtype=np.int64)
        group_of[rng.permutation(sitters)] = np.arange(sitters) % min(GROUPS, sitters)
        number_r, number_c = pairing.numbers
        rows = _Side.of(pairing.probe.vectors, number_r, group_of)
        columns = rows if pairing.within else _Side.of(pairing.columns.vectors, number_c, group_of)
        i, j = np.argsort(rows.order)[pairing.excluded[0]], np.argsort(columns.order)[pairing.excluded[1]]
        excluded = (np.minimum(i, j), np.maximum(i, j)) if pairing.within else (i, j)
        edges = _level_edges(rows, columns, rng)
        level_of = (np.searchsorted(edges, np.arange(BINS), side="right") - 1).astype(np.uint16)
        return _Blocks(rows, columns, pairing.within, excluded, edges, level_of, examples)

    def corners(self) -> Iterator[tuple[int, int]]:
        """First row and first column of each block; within one data set, of those not below the diagonal."""
        for r in range(0, len(self.rows.order), BLOCK):
            for c in range(r if self.within else 0, len(self.columns.order), BLOCK):
                yield r, c

    def count(self, corner: tuple[int, int], known: dict[str, list[Example]]) -> _Part:
        """Score the pairs of one block and count them; `known` examples tell which new ones are of interest."""
        r, c = corner
        rows, columns = slice(r, r + BLOCK), slice(c, c + BLOCK)
        scores = self.rows.vectors[rows] @ self.columns.vectors[columns].T
        np.clip(scores, -1, 1, out=scores)
        sort = self._sort(r, c, scores.shape)
        at = bins(scores)
        fine = np.bincount((at if sort is None else at + sort * np.intp(BINS)).ravel(), minlength=3 * BINS)
        level = self.level_of[at]
        counts = []
        for g, i in self.rows.runs(r, r + BLOCK):
            for h, j in self.columns.runs(c, c + BLOCK):
                one = level[i, j] if sort is None else level[i, j] + sort[i, j] * np.uint16(len(self.edges))
                found = np.bincount(one.ravel(), minlength=3 * len(self.edges)).reshape(3, -1)
                counts.append((g, h, found[:NEITHER]))
        return _Part(fine.reshape(3, BINS)[:NEITHER], counts, self._examples(r, c, scores, sort, known))

    def _sort(self, r: int, c: int, shape: tuple[int, ...]) -> NDArray[np.uint16] | None:
        """Whether each pair of a block is impostor, genuine or neither; None: all are impostor pairs."""
        rows, columns = self.rows.sitter[r : r + BLOCK], self.columns.sitter[c : c + BLOCK]
        i, j = self.excluded
        here = (i >= r) & (i < r + BLOCK) & (j >= c) & (j < c + BLOCK) if len(i) else np.zeros(0, dtype=bool)
        diagonal = self.within and r == c
        if not diagonal and not here.any() and not np.isin(rows, columns).any():
            return None
        sort: NDArray[np.uint16] = (rows[:, None] == columns[None]).astype(np.uint16)  # IMPOSTOR or GENUINE
        sort[i[here] - r, j[here] - c] = NEITHER
        if diagonal:
            sort[np.tril_indices(shape[0])] = NEITHER
        return sort

    def _examples(
        self, r: int, c: int, scores: Singles, sort: NDArray[np.uint16] | None, known: dict[str, list[Example]]
    ) -> dict[str, list[Example]]:
        def place(flat: Ints) -> tuple[Ints, Ints]:
            i, j = np.divmod(flat, scores.shape[1])
            i, j = self.rows.order[r + i], self.columns.order[c + j]
            return (np.minimum(i, j), np.maximum(i, j)) if self.within else (i, j)

        if sort is not None:
            genuine, impostor = np.flatnonzero(sort == GENUINE), np.flatnonzero(sort == IMPOSTOR)
            return extremes(scores.ravel(), genuine, impostor, place, self.keep, known)
        hardest = known.get("hardest_impostor", [])
        bound = hardest[-1].score if len(hardest) == self.keep else -np.inf
        foremost = np.flatnonzero(scores >= bound)  # nearly always none: spare the work below
        if not len(foremost):
            return {}
        return extremes(scores.ravel(), np.zeros(0, dtype=np.int64), foremost, place, self.keep, known)


def _level_edges(rows: _Side, columns: _Side, rng: np.random.Generator) -> Ints:
    """Lowest bins of the levels: of quantiles of sampled pairs, spread evenly over log FAR, over FAR and over TAR."""
    r = np.sort(rng.permutation(len(rows.order))[:SAMPLE])
    c = np.sort(rng.permutation(len(columns.order))[:SAMPLE])
    impostor = rows.vectors[r] @ columns.vectors[c].T
    impostor = np.sort(impostor[rows.sitter[r][:, None] != columns.sitter[c][None]])[::-1]
    # The columns of a sitter lie side by side: each sampled row with up to 8 of its own (itself among them, perhaps).
    key = columns.group.astype(np.int64) << 32 | columns.sitter
    mates = np.searchsorted(key, rows.group[r].astype(np.int64) << 32 | rows.sitter[r])[:, None] + np.arange(8)
    mates = np.minimum(mates, len(key) - 1)
    genuine = np.einsum("id,ijd->ij", rows.vectors[r], columns.vectors[mates])
    genuine = np.sort(genuine[columns.sitter[mates] == rows.sitter[r][:, None]])
    chosen = [np.array([0]), bins(genuine[:: max(1, len(genuine) // 150)])]
    if len(impostor):
        ranks = np.concatenate([np.geomspace(1, len(impostor), 300), np.linspace(1, len(impostor), 100)])
        found = bins(impostor[ranks.astype(np.intp) - 1])
        chosen += [found, np.linspace(found[0], BINS - 1, 64).astype(np.int64)]
    return np.unique(np.concatenate(chosen))
