"""All pairs of large sets in blocks: score histograms instead of scores, so that memory does not grow with the pairs.

Each block's cosines are counted in about 50,000 bins that are fitted to a random sample of the pairs (see `bins`). FAR
and TAR at the bins' lowest scores are exact counts. Between these, EER and thresholds are known to within a bin: a FAR
to 0.2 % of itself. Products are in single precision if the sample shows that its rounding makes no difference.
Otherwise they are in double precision, for example if all cosines lie between 0.9996 and 0.9999, or if many are equal.

For the bootstrap, the sitters are dealt at random into at most 128 groups, which are resampled in place of sitters (a
group's pairs across its sitters count as often as the group). Pairs are counted by their two groups and by one of about
500 levels. The edges of levels are bin edges, chosen from the same sample and dense where the FAR is small.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.numbers import Floats, Ints
from pipeline.core.parallel import cores
from pipeline.core.progress import progress
from pipeline.metrics.bins import Bins, Numbers, bin_of, fitted
from pipeline.metrics.levels import GROUPS, dealt, level_edges
from pipeline.metrics.pairing import Example, Pairing, extremes
from pipeline.metrics.products import Products, products
from pipeline.metrics.verification import Tally

BLOCK = 1024
SAMPLE = 2048
# A block is counted by bins up to this many bins per pair; beyond, counting by levels is faster.
COUNTED = 6
# Least standard deviation of the scores relative to their mean: anything less is rounding.
LEAST_SPREAD = 1e-7
IMPOSTOR, GENUINE, NEITHER = 0, 1, 2

Sorts = NDArray[np.uint16]


@dataclass
class Histograms:
    """The sums over all blocks."""

    bins: Bins
    fine: Ints
    """[2, bins], numbers of impostor and genuine pairs by bin."""
    moments: Floats
    """[2, 2], sum and sum of squares of the impostor and of the genuine scores, each minus the bins' start."""
    edges: Ints
    """[levels], the lowest bin of each level, ascending from 0."""
    impostor: Ints
    """[groups, groups, levels], impostor pairs by the groups of row and column."""
    genuine: Ints
    """[groups, levels], genuine pairs by the sitter's group."""
    group_of: Ints
    """[sitters], the group of each sitter of the pairing."""
    examples: dict[str, list[Example]] = field(default_factory=dict)
    """The pairs worth looking at."""

    def tally(self) -> Tally:
        """Return the counts at the bins that are not empty; a bin's score is its lowest."""
        filled = np.flatnonzero(self.fine.any(axis=0))[::-1]
        impostor, genuine = self.fine[:, filled].astype(np.float64)
        return Tally(self.bins.edges[filled], genuine, impostor)

    def d_prime(self) -> float:
        """Return d′ of the scores themselves, not of bins; NaN if undefined."""
        with np.errstate(invalid="ignore", divide="ignore"):
            mean, square = (self.moments / self.fine.sum(axis=1)[:, None]).T
            spread = np.sqrt(np.mean(np.maximum(square - mean**2, 0)))
        difference = mean[GENUINE] - mean[IMPOSTOR]
        return float(difference / spread) if spread > LEAST_SPREAD * np.abs(mean).max() else float("nan")


def histograms(pairing: Pairing, seed: int, examples: int) -> Histograms:
    """Stream over all pairs of a pairing, with as many threads as this process may use cores.

    The result does not depend on the number of threads: counts are integers, examples have a fixed order, and sums of
    scores are added in the order of the blocks.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    rng = np.random.default_rng([seed, len(pairing.sitters)])
    with threadpool_limits(1):
        blocks = _Blocks.of(pairing, rng, examples)
    groups, levels = min(GROUPS, len(pairing.sitters)), len(blocks.edges)
    total = Histograms(
        bins=blocks.bins,
        fine=np.zeros((2, len(blocks.bins)), dtype=np.int64),
        moments=np.zeros((2, 2)),
        edges=blocks.edges,
        impostor=np.zeros((groups, groups, levels), dtype=np.int64),
        genuine=np.zeros((groups, levels), dtype=np.int64),
        group_of=blocks.group_of,
    )
    threads = cores()
    corners = blocks.corners()
    bar = progress(range(0), "all pairs", total=pairing.size, unit="pair")
    with threadpool_limits(1), ThreadPoolExecutor(threads) as pool, bar:
        while batch := list(islice(corners, 4 * threads)):  # in batches, so that finished blocks do not accumulate
            for part in pool.map(blocks.count, batch, [total.examples] * len(batch)):
                _add(total, part, examples)
                bar.update(int(part.fine.sum()))
    return total


@dataclass
class _Part:
    """The counts of one block."""

    fine: Ints
    moments: Floats
    counts: list[tuple[int, int, Ints]]
    """Group of the rows, group of the columns, pairs [2, levels], or [1, levels] if there are no genuine ones."""
    examples: dict[str, list[Example]]


def _add(total: Histograms, part: _Part, examples: int) -> None:
    total.fine[: len(part.fine)] += part.fine
    total.moments += part.moments
    for g, h, counts in part.counts:
        total.impostor[g, h] += counts[IMPOSTOR]
        if g == h and len(counts) > GENUINE:
            total.genuine[g] += counts[GENUINE]
    if any(part.examples.values()):  # a new dict, because blocks in progress still read the old one
        merged = {k: total.examples.get(k, []) + v for k, v in part.examples.items()}
        total.examples = {k: sorted(v, key=lambda e: e.order(k))[:examples] for k, v in merged.items()}


@dataclass(frozen=True)
class _Side:
    """Rows or columns, sorted by group and, within it, by sitter."""

    order: Ints
    sitter: NDArray[np.int32]
    group: Ints

    @staticmethod
    def of(sitter: NDArray[np.int32], group_of: Ints) -> _Side:
        order = np.lexsort((sitter, group_of[sitter]))
        return _Side(order, sitter[order], group_of[sitter[order]])

    def runs(self, start: int, end: int) -> list[tuple[int, slice]]:
        """Return the groups between two places, and the slice of each, counted from `start`."""
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
    product: Products
    bins: Bins
    edges: Ints
    level_of: Numbers
    keep: int
    group_of: Ints

    @staticmethod
    def of(pairing: Pairing, rng: np.random.Generator, examples: int) -> _Blocks:
        group_of = dealt(len(pairing.sitters), rng)
        number_r, number_c = pairing.numbers
        rows = _Side.of(number_r, group_of)
        columns = rows if pairing.within else _Side.of(number_c, group_of)
        i, j = np.argsort(rows.order)[pairing.excluded[0]], np.argsort(columns.order)[pairing.excluded[1]]
        excluded = (np.minimum(i, j), np.maximum(i, j)) if pairing.within else (i, j)
        product = products(pairing, rows.order, columns.order)
        genuine, impostor = _sample(rows, columns, pairing.within, product, rng)
        product = product.precise_enough(genuine, impostor)
        bins = fitted(genuine, impostor, *product.bounds)
        edges = level_edges(bin_of(bins, genuine), bin_of(bins, impostor), len(bins))
        level_of = (np.searchsorted(edges, np.arange(len(bins)), side="right") - 1).astype(np.uint16)
        return _Blocks(rows, columns, pairing.within, excluded, product, bins, edges, level_of, examples, group_of)

    def corners(self) -> Iterator[tuple[int, int]]:
        """Yield first row and column of each block; within one data set, only of blocks not below the diagonal."""
        for r in range(0, len(self.rows.order), BLOCK):
            for c in range(r if self.within else 0, len(self.columns.order), BLOCK):
                yield r, c

    def count(self, corner: tuple[int, int], known: dict[str, list[Example]]) -> _Part:
        """Score the pairs of one block and count them; only examples that come before `known` ones are returned."""
        r, c = corner
        scores = self.product(slice(r, r + BLOCK), slice(c, c + BLOCK))
        sort = self._sort(r, c, scores.shape)
        examples = self._examples(r, c, scores, sort, known)
        number = self.bins.numbers(scores)
        moments = _moments(scores, sort)
        k, levels = len(self.bins), len(self.edges)
        cells = [(g, h, i, j) for g, i in self.rows.runs(r, r + BLOCK) for h, j in self.columns.runs(c, c + BLOCK)]
        counts = []
        if len(cells) * k <= COUNTED * scores.size:  # count each cell by bins; levels and totals are sums of bins
            fine = np.zeros((2, k), dtype=np.int64)
            for g, h, i, j in cells:
                found = _count(number[i, j], None if sort is None else sort[i, j], k)
                fine[: len(found)] += found
                counts.append((g, h, np.add.reduceat(found, self.edges, axis=1)))
        else:
            fine = _count(number, sort, k)
            level = self.level_of[number]
            for g, h, i, j in cells:
                counts.append((g, h, _count(level[i, j], None if sort is None else sort[i, j], levels)))
        return _Part(fine, moments, counts, examples)

    def _sort(self, r: int, c: int, shape: tuple[int, ...]) -> Sorts | None:
        """Return whether each pair of a block is impostor, genuine or neither; None if all are impostor pairs."""
        rows, columns = self.rows.sitter[r : r + BLOCK], self.columns.sitter[c : c + BLOCK]
        i, j = self.excluded
        here = (i >= r) & (i < r + BLOCK) & (j >= c) & (j < c + BLOCK) if len(i) else np.zeros(0, dtype=bool)
        diagonal = self.within and r == c
        if not diagonal and not here.any() and not np.isin(rows, columns).any():
            return None
        sort: Sorts = (rows[:, None] == columns[None]).astype(np.uint16)  # IMPOSTOR or GENUINE
        sort[i[here] - r, j[here] - c] = NEITHER
        if diagonal:
            sort[np.tril_indices(shape[0])] = NEITHER
        return sort

    def _examples(
        self, r: int, c: int, scores: NDArray[Any], sort: Sorts | None, known: dict[str, list[Example]]
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
        foremost = np.flatnonzero(scores >= bound)  # nearly always empty, which saves the work below
        if not len(foremost):
            return {}
        return extremes(scores.ravel(), np.zeros(0, dtype=np.int64), foremost, place, self.keep, known)


def _count(number: Numbers, sort: Sorts | None, k: int) -> Ints:
    """Count impostor and genuine pairs by their number (below k): [2, k]; without `sort`, impostor pairs: [1, k]."""
    if sort is None:
        return np.bincount(number.ravel(), minlength=k)[None]
    return np.bincount((number + sort * np.intp(k)).ravel(), minlength=3 * k).reshape(3, k)[:NEITHER]


def _moments(offsets: NDArray[Any], sort: Sorts | None) -> Floats:
    """Return sum and sum of squares of the impostor and genuine scores of a block, minus the bins' start: [2, 2]."""
    moments = np.zeros((2, 2))
    if sort is None:
        sums, squares = offsets @ np.ones(offsets.shape[1], offsets.dtype), np.einsum("ij,ij->i", offsets, offsets)
        moments[IMPOSTOR] = sums.sum(dtype=np.float64), squares.sum(dtype=np.float64)
        return moments
    for which in (IMPOSTOR, GENUINE):
        chosen = offsets[sort == which].astype(np.float64)
        moments[which] = chosen.sum(), chosen @ chosen
    return moments


def _sample(
    rows: _Side, columns: _Side, within: bool, product: Products, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Return scores of random genuine and impostor pairs, float64, ascending."""
    r = np.sort(rng.permutation(len(rows.order))[:SAMPLE])
    c = np.sort(rng.permutation(len(columns.order))[:SAMPLE])
    impostor = product.precisely(r, c)[rows.sitter[r][:, None] != columns.sitter[c][None]]
    # The columns of a sitter are adjacent: each sampled row is paired with up to 8 of its own sitter's.
    key = columns.group.astype(np.int64) << 32 | columns.sitter
    mates = np.searchsorted(key, rows.group[r].astype(np.int64) << 32 | rows.sitter[r])[:, None] + np.arange(8)
    mates = np.minimum(mates, len(key) - 1)
    genuine = np.concatenate([product.precisely(r[n : n + 1], mates[n])[0] for n in range(len(r))])
    own = columns.sitter[mates] == rows.sitter[r][:, None]
    if within:  # no image with itself
        own &= mates != r[:, None]
    genuine = genuine[own.ravel()]
    impostor.sort()
    genuine.sort()
    return genuine, impostor
