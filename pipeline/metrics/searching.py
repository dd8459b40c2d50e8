"""The searches of identification: each probe against the gallery, in blocks of probes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.core.errors import SitterError
from pipeline.metrics.pairing import Pairing
from pipeline.metrics.result import Floats, Ints, Scored, rounded
from pipeline.metrics.search_rates import Searches

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


def searches(pairing: Pairing, ranks: Sequence[int] = (), by_image: bool = False) -> Searches:
    """Search each probe, in blocks of probes.

    Args:
        pairing: the pairing of the probes and the gallery.
        ranks: ranks at which it is counted who is ahead of whom.
        by_image: a rank counts every image of other sitters, and each probe's average precision is computed.

    Raises:
        SitterError: the gallery, or the set of probes, is empty.
    """
    if not len(pairing.probe) or not len(pairing.columns):
        raise SitterError(f"{pairing.probe.dataset}: identification needs probes and a gallery, but there is none.")
    from scipy.sparse import coo_array

    number_p, number_g = pairing.numbers
    order = np.argsort(number_g, kind="stable")
    present, starts = np.unique(number_g[order], return_index=True)
    place = np.full(len(pairing.sitters), -1)
    place[present] = np.arange(len(present))
    score, probes, gallery = pairing.scorer(order), len(pairing.probe), len(order)
    columns = np.argsort(order)
    out_i, out_j = pairing.excluded
    if pairing.within:  # exclude an image with itself and, from both sides, with one of the same origin
        every = np.arange(probes)
        out_i, out_j = np.concatenate([out_i, out_j, every]), np.concatenate([out_j, out_i, every])
    own, other, second = np.empty(probes), np.empty(probes), np.full(probes, -np.inf)
    rank, foremost = np.zeros(probes, dtype=np.int64), np.full(probes, -1)
    unit_of, probe_units = units(pairing)
    position, precision = np.zeros(probes, dtype=np.int64), np.full(probes if by_image else 0, np.nan)
    total = len(unit_of)
    ahead = {k: coo_array((total, total), dtype=np.int64).tocsr() for k in ranks}
    size = max(1, CELLS // gallery)
    for start in range(0, probes, size):
        rows = slice(start, min(start + size, probes))
        scores = score(rows)
        here = (out_i >= rows.start) & (out_i < rows.stop)
        scores[out_i[here] - start, columns[out_j[here]]] = -np.inf
        best = np.maximum.reduceat(scores, starts, axis=1)
        if not isinstance(pairing.probe, Scored):
            best = rounded(best)  # the last bits of cosines must not decide ranks
        mine = place[number_p[rows]]
        at_row, known = np.arange(len(best)), mine >= 0
        own[rows] = np.where(known, best[at_row, mine], -np.inf)
        best[at_row[known], mine[known]] = -np.inf
        before, found = best >= own[rows, None], np.isfinite(own[rows])
        if by_image:
            if not isinstance(pairing.probe, Scored):
                scores = rounded(scores)
            ahead_of, precision[rows] = _by_image(scores, starts, mine, own[rows])
        else:
            ahead_of = before.astype(np.int64)
        rank[rows] = np.where(found, 1 + before.sum(axis=1), 0)
        position[rows] = np.where(found, 1 + ahead_of.sum(axis=1), 0)
        for k in ranks:
            missed = (position[rows] > k)[:, None]
            i, j = np.nonzero(missed & (ahead_of > 0) & (position[rows][:, None] - ahead_of <= k))
            cells = unit_of[number_p[rows][i]], unit_of[present[j]]
            ahead[k] = ahead[k] + coo_array((np.ones(len(i), np.int64), cells), shape=(total, total)).tocsr()
        foremost[rows] = best.argmax(axis=1)
        other[rows] = best[at_row, foremost[rows]]
        best[at_row, foremost[rows]] = -np.inf
        second[rows] = best.max(axis=1)
    enrolled = np.zeros(total, bool)
    enrolled[unit_of[present]] = True
    foremost = np.where(np.isfinite(other), unit_of[present[foremost]], -1)
    who = unit_of[number_p]
    return Searches(total, probe_units, enrolled, who, rank, position, own, other, foremost, second, ahead, precision)


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
