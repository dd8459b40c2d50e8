"""The searches of identification: each probe against the gallery."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.core.errors import SitterError
from pipeline.core.numbers import Floats, Ints, rounded
from pipeline.metrics.nearest import SearchGallery, Struck, nearest
from pipeline.metrics.pairing import Pairing
from pipeline.metrics.result import Scored
from pipeline.metrics.search_rates import SearchOutcomes

# Number of scores in memory at once.
CELLS = 8_000_000


def units(pairing: Pairing) -> tuple[Ints, int]:
    """Return the unit of each sitter number of a pairing (the probes' sitters come first), and the number of these."""
    probing = np.zeros(len(pairing.sitters), bool)
    probing[pairing.numbers[0]] = True
    order = np.argsort(~probing, kind="stable")
    found = np.empty(len(order), np.int64)
    found[order] = np.arange(len(order))
    return found, int(probing.sum())


def searches(pairing: Pairing, ranks: Sequence[int] = (), by_image: bool = False) -> SearchOutcomes:
    """Search for each probe.

    Args:
        pairing: the pairing of the probes and the gallery.
        ranks: ranks at which it is counted who is ahead of whom.
        by_image: a rank counts every image of other sitters, and each probe's average precision is computed.

    Raises:
        SitterError: the gallery, or the set of probes, is empty.
    """
    if not len(pairing.probe) or not len(pairing.columns):
        raise SitterError(f"{pairing.probe.dataset}: identification needs probes and a gallery, but there is none.")
    arranged = _arranged(pairing)
    if by_image or isinstance(pairing.probe, Scored):
        return _by_matrix(pairing, arranged, ranks, by_image)
    return _by_vectors(pairing, arranged, ranks)


@dataclass(frozen=True)
class _Arranged:
    """A gallery by sitter, and where the probes' own sitters are."""

    order: Ints
    """[g] images, a sitter's side by side."""
    starts: Ints
    """[s] place in that order of each sitter's first image."""
    unit_of: Ints
    """[s] unit of each sitter."""
    mine: Ints
    """[p] place of each probe's own sitter among them; −1 where it is not in the gallery."""
    struck: Struck
    """Pairs that are not compared."""
    units: int
    probe_units: int
    who: Ints
    """[p] unit of each probe."""

    def result(
        self, rank: Ints, position: Ints, own: Floats, foremost: Ints, others: Floats, ahead: Any, precision: Floats
    ) -> SearchOutcomes:
        """Return the searches; `foremost` are places of sitters, `others` [p, 2] their scores and the next."""
        enrolled = np.zeros(self.units, bool)
        enrolled[self.unit_of] = True
        who = np.where(np.isfinite(others[:, 0]), self.unit_of[foremost], -1)
        return SearchOutcomes(
            self.units, self.probe_units, enrolled, self.who, rank, position, own, others[:, 0], who, others[:, 1],
            ahead, precision,
        )  # fmt: skip


def _arranged(pairing: Pairing) -> _Arranged:
    number_p, number_g = pairing.numbers
    order = np.argsort(number_g, kind="stable")
    present, starts = np.unique(number_g[order], return_index=True)
    place = np.full(len(pairing.sitters), -1)
    place[present] = np.arange(len(present))
    columns = np.empty_like(order)
    columns[order] = np.arange(len(order))
    out_i, out_j = pairing.excluded
    if pairing.within:  # exclude an image with itself and, from both sides, with one of the same origin
        every = np.arange(len(pairing.probe))
        out_i, out_j = np.concatenate([out_i, out_j, every]), np.concatenate([out_j, out_i, every])
    unit_of, probe_units = units(pairing)
    struck = Struck.of(out_i, columns[out_j])
    return _Arranged(
        order, starts, unit_of[present], place[number_p], struck, len(unit_of), probe_units, unit_of[number_p]
    )


def _by_vectors(pairing: Pairing, within: _Arranged, ranks: Sequence[int]) -> SearchOutcomes:
    """Search by cosines, of which only those that decide are computed in double precision."""
    from scipy.sparse import coo_array

    gallery = SearchGallery(pairing.columns.vectors, within.order, within.starts)
    wanted = max([1, *ranks]) + 1
    found = nearest(gallery, pairing.probe.vectors, wanted, struck=within.struck, own=within.mine)
    rank = np.where(np.isfinite(found.own), 1 + found.before, 0)
    ahead = {}
    for k in ranks:
        rows = np.flatnonzero(rank == k + 1)  # without any one of those ahead it would be at rank k
        cells = np.repeat(within.who[rows], k), within.unit_of[found.sitters[rows, :k]].ravel()
        ones = np.ones(len(cells[0]), np.int64)
        ahead[k] = coo_array((ones, cells), shape=(within.units, within.units)).tocsr()
    others = np.full((len(rank), 2), -np.inf)
    others[:, : found.scores.shape[1]] = found.scores[:, :2]
    return within.result(rank, rank, found.own, found.sitters[:, 0], others, ahead, np.full(0, np.nan))


def _by_matrix(pairing: Pairing, within: _Arranged, ranks: Sequence[int], by_image: bool) -> SearchOutcomes:
    """Search by a score of each pair, in blocks of probes."""
    from scipy.sparse import coo_array

    score, probes = pairing.scorer(within.order), len(pairing.probe)
    own, others = np.empty(probes), np.full((probes, 2), -np.inf)
    rank, foremost = np.zeros(probes, dtype=np.int64), np.full(probes, -1)
    position, precision = np.zeros(probes, dtype=np.int64), np.full(probes if by_image else 0, np.nan)
    ahead = {k: coo_array((within.units, within.units), dtype=np.int64).tocsr() for k in ranks}
    size = max(1, CELLS // len(within.order))
    for start in range(0, probes, size):
        rows = slice(start, min(start + size, probes))
        scores = score(rows)
        struck = within.struck.among(rows)
        scores[struck.rows, struck.images] = -np.inf
        if not isinstance(pairing.probe, Scored):
            scores = rounded(scores)  # the last bits of cosines must not decide ranks
        best = np.maximum.reduceat(scores, within.starts, axis=1)
        mine = within.mine[rows]
        at_row, known = np.arange(len(best)), mine >= 0
        own[rows] = np.where(known, best[at_row, mine], -np.inf)
        best[at_row[known], mine[known]] = -np.inf
        before, found = best >= own[rows, None], np.isfinite(own[rows])
        if by_image:
            ahead_of, precision[rows] = _by_image(scores, within.starts, mine, own[rows])
        else:
            ahead_of = before.astype(np.int64)
        rank[rows] = np.where(found, 1 + before.sum(axis=1), 0)
        position[rows] = np.where(found, 1 + ahead_of.sum(axis=1), 0)
        for k in ranks:
            missed = (position[rows] > k)[:, None]
            i, j = np.nonzero(missed & (ahead_of > 0) & (position[rows][:, None] - ahead_of <= k))
            cells = within.who[rows][i], within.unit_of[j]
            added = coo_array((np.ones(len(i), np.int64), cells), shape=(within.units, within.units))
            ahead[k] = ahead[k] + added.tocsr()
        foremost[rows] = best.argmax(axis=1)
        others[rows, 0] = best[at_row, foremost[rows]]
        best[at_row, foremost[rows]] = -np.inf
        others[rows, 1] = best.max(axis=1)
    return within.result(rank, position, own, foremost, others, ahead, precision)


def _by_image(scores: Floats, starts: Ints, mine: Ints, own: Floats) -> tuple[Ints, Floats]:
    """Return the number of each sitter's images ahead of a probe's own best image, and the average precision.

    Args:
        scores: [rows, gallery], with the images of a sitter side by side; −inf for excluded pairs.
        starts: [sitters], place of the first image of each sitter.
        mine: [rows], place of the probe's own sitter; −1 if it is not in the gallery.
        own: [rows], score of its own sitter's best image.

    Returns:
        Images ahead [rows, sitters] (0 for the own sitter), and precisions [rows], NaN if there is no own image.
    """
    ends = np.append(starts[1:], scores.shape[1])
    ahead = np.add.reduceat((scores >= own[:, None]).astype(np.int64), starts, axis=1)
    precision = np.full(len(scores), np.nan)
    for row, place in enumerate(mine):
        if place < 0 or not np.isfinite(own[row]):
            continue
        ahead[row, place] = 0
        relevant = scores[row, starts[place] : ends[place]]
        relevant = -np.sort(-relevant[np.isfinite(relevant)])
        before = [int((scores[row] >= score).sum() - (relevant >= score).sum()) for score in relevant]
        precision[row] = average_precision(np.array(before))
    return ahead, precision


def average_precision(ahead: Ints) -> float:
    """Return the area under precision over recall of one search, as in the evaluation of Market-1501 and TinyFace.

    The area is computed by trapezoids: for each image that should be found, the mean of the precision at its place and
    the precision just before it (1 before the first place). (Zheng et al. 2015, `compute_AP.m`; without trapezoids it
    would be the mean of the precisions.)

    Args:
        ahead: for each image that should be found, the number of other images before it, ascending; at least one.

    >>> average_precision(np.array([0, 1]))
    0.7916666666666666
    """
    count = np.arange(1, len(ahead) + 1)
    place = count + ahead
    just_before = np.where(place > 1, (count - 1) / np.maximum(place - 1, 1), 1.0)
    return float(np.mean((just_before + count / place) / 2))
