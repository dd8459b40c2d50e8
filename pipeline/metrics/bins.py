"""Bins for the scores of more pairs than can be kept individually, fitted to the distribution of the scores.

Bins of equal width are not enough, because cosines may all lie between 0.9996 and 0.9999. So most edges are quantiles
of a random sample of pairs, dense where the FAR is small. Evenly spaced edges cover scores that the sample misses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.numbers import Floats, Ints

# Most bins: their numbers are stored in 16 bits.
MOST = 1 << 16
# Numbers of cells of equal width; a table gives the bin of each cell. The smallest number that resolves the sample is
# used, because small tables stay in the processor's cache.
CELLS = (1 << 20, 1 << 24)
STRIP = 128
# Relative resolution of a false accept rate.
FINENESS = 1 / 512
# This many pairs make no difference, wherever they are counted.
FEW = 8

Numbers = NDArray[np.uint16]


@dataclass(frozen=True)
class Bins:
    """Bins of scores, ascending.

    Without a table, the bin of a score is searched among the edges, which has full resolution but takes ten times as
    long.
    """

    edges: Floats
    """[k], lowest score of each bin. The first bin also holds all lower scores."""
    start: float = 0.0
    """A score near the lowest one."""
    scale: float = 0.0
    """Number of cells per unit of score; cell 0 is centred on `start`."""
    table: Numbers | None = None
    """[cells + 1], the bin of each cell."""

    def __len__(self) -> int:
        return len(self.edges)

    def numbers(self, scores: NDArray[Any]) -> Numbers:
        """Return the bin of each score [n, m], float32 or float64, and subtract `start` from the scores in place."""
        if self.table is None:
            found: Numbers = np.maximum(np.searchsorted(self.edges, scores, side="right") - 1, 0).astype(np.uint16)
            scores -= self.start
            return found
        kind = scores.dtype.type
        scores -= kind(self.start)
        found = np.empty(scores.shape, dtype=np.uint16)
        part = np.empty((STRIP, scores.shape[1]), dtype=scores.dtype)
        cell = np.empty(part.shape, dtype=np.intp)
        for r in range(0, len(scores), STRIP):  # a few rows at a time stay in the processor's cache
            n = min(STRIP, len(scores) - r)
            np.multiply(scores[r : r + n], kind(self.scale), out=part[:n])
            part[:n] += kind(0.5)  # so that round values, such as 0 and 1, lie in the middle of a cell
            np.copyto(cell[:n], part[:n], casting="unsafe")
            np.take(self.table, cell[:n], out=found[r : r + n], mode="clip")
        return found


def fitted(genuine: Floats, impostor: Floats, low: float, high: float) -> Bins:
    """Return bins for scores that are distributed like a sample.

    Args:
        genuine, impostor: scores of sampled pairs, ascending; either may be empty.
        low, high: no score lies outside these.
    """
    ends = [float(part[end]) for part in (genuine, impostor) if len(part) for end in (0, -1)] or [low, high]
    least, greatest = min(ends), max(ends)
    start = max(low, least - (high - least)) if high > least else low
    for cells in CELLS:
        scale = cells / (high - start) if high > start else 0.0
        if (
            scale * 4 * np.spacing(max(abs(start), abs(high))) > 1
        ):  # cells would be narrower than the rounding of the scores
            continue
        if np.isfinite(scale) and is_resolved(genuine, impostor, 0.5 / scale if scale else 0.0):
            break
    else:
        return Bins(_edges_at(*_wanted(genuine, impostor, start, greatest, high)), start)
    values, ties = _wanted(genuine, impostor, start, greatest, high)
    firsts, alone = (np.clip((v - start) * scale + 0.5, 0, cells).astype(np.int64) for v in (values, ties))
    # A score that many pairs share has a cell of its own, so that nothing above it is accepted with it.
    cell = np.unique(np.concatenate([[0], firsts, alone, np.minimum(alone + 1, cells)]))
    table = (np.searchsorted(cell, np.arange(cells + 1), side="right") - 1).astype(np.uint16)
    edges = start + (cell - 0.5) / scale if scale else np.full(len(cell), start)
    return Bins(edges, start, scale, table)


def is_resolved(genuine: Floats, impostor: Floats, width: float, ties: bool = False) -> bool:
    """Whether errors of ± `width` in the scores do not change the error rates of a sample.

    No point of the ROC may move by more than 1/512 of its FAR, or of all genuine pairs.

    Args:
        genuine, impostor: scores, ascending.
        width: largest error of a score.
        ties: whether errors may also make equal scores different. Otherwise they stay equal.
    """
    for scores, in_all in ((genuine, True), (impostor, False)):
        n = len(scores)
        if not n:
            continue
        rank = np.unique(np.geomspace(1, n, 4096).astype(np.int64))
        rank = np.unique(np.concatenate([rank, n + 1 - rank, np.linspace(1, n, 2048).astype(np.int64)]))
        at = scores[n - rank]
        near = np.searchsorted(scores, at + width, side="right") - np.searchsorted(scores, at - width, side="left")
        if not ties:
            near -= np.searchsorted(scores, at, side="right") - np.searchsorted(scores, at, side="left") - 1
        if (near > np.maximum(FEW, (n if in_all else rank) * FINENESS)).any():
            return False
    return True


def _wanted(genuine: Floats, impostor: Floats, start: float, greatest: float, high: float) -> tuple[Floats, Floats]:
    """Return the scores at which bins should begin, and the scores that many pairs share and that need own bins."""
    n, m = len(impostor), len(genuine)
    share = MOST // 8
    impostor_ranks = np.concatenate([np.geomspace(1, max(1, n), 2 * share), np.linspace(1, max(1, n), share)])
    genuine_ranks = np.linspace(1, max(1, m), share)
    ranks = (impostor_ranks.astype(np.int64), genuine_ranks.astype(np.int64))
    chosen = [np.sort(s[len(s) - r]) for s, r in zip((impostor, genuine), ranks, strict=True) if len(s)]
    # Ranks that several steps fall on are no ties: only equal scores of different ranks are.
    different = [np.sort(s[len(s) - np.unique(r)]) for s, r in zip((impostor, genuine), ranks, strict=True) if len(s)]
    ties = np.unique(np.concatenate([[greatest], *(d[1:][d[1:] == d[:-1]] for d in different)]))
    # For what is rarer than the sample shows: ever wider bins above its greatest score, and even ones everywhere.
    beyond = greatest + (high - greatest) * np.geomspace(1e-6, 1, share // 2)
    return np.concatenate([*chosen, np.linspace(start, high, share), beyond]), ties[: share // 2]


def _edges_at(values: Floats, ties: Floats) -> Floats:
    edges: Floats = np.unique(np.concatenate([values, ties, np.nextafter(ties, np.inf)]))
    return edges


def bin_of(bins: Bins, scores: Floats) -> Ints:
    """Return the bin of each score [n] without changing the scores."""
    found: Ints = bins.numbers(np.array(scores, dtype=np.float64)[None])[0].astype(np.int64)
    return found
