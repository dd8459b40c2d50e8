"""Failures counted: images without a usable face take part in the error rates, as rejections.

ISO/IEC 19795-1:2021 has two rates of failure, the failure-to-acquire rate (FTA, of images) and the failure-to-enrol
rate (FTE, of sitters), and includes them in generalised error rates, GFAR and GFRR. The standard's formulas assume that
failures are independent of everything else. Here, every pair with a failed image is counted individually: it is
rejected, which is wrong for a genuine pair and right for an impostor pair. A pair of two copies of a picture does not
count, as elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.core.numbers import Floats, Ints
from pipeline.metrics.intervals import ScoredPairs
from pipeline.metrics.pairing import Pairing
from pipeline.metrics.result import Context, Embedded, Scalar
from pipeline.store.figure_names import FTA, FTE


@dataclass(frozen=True)
class WithFailures:
    """A pairing, and the same pairing with the failed images as its last rows and columns."""

    own: Pairing
    every: Pairing
    probes: Embedded
    """Failed images of the probes' data set."""
    gallery: Embedded
    """Failed images of the gallery's data set; the same if there is only one."""
    elsewhere: bool = False
    """Whether another model failed on images: then failures are counted for all models, to make them comparable."""

    @property
    def count(self) -> bool:
        """Whether failures are to be counted."""
        return self.elsewhere or len(self) > 0

    def __len__(self) -> int:
        return len(self.probes) + (0 if self.own.within else len(self.gallery))

    def rates(self) -> dict[str, Scalar]:
        """Return `fta`, the share of failed probe images, and `fte`, of gallery sitters without a usable image."""
        enrolled, sitters = set(self.own.columns.sitters), set(self.every.columns.sitters)
        return {
            FTA: Scalar(len(self.probes) / max(1, len(self.every.probe)), percent=True),
            FTE: Scalar(len(sitters - enrolled) / max(1, len(sitters)), percent=True),
        }


def with_failures(
    context: Context, pairing: Pairing, probe: str, gallery: str | None, of_gallery: Context | None = None
) -> WithFailures | None:
    """Return a pairing with the failed images of its data sets; None if it is not known which images failed.

    Args:
        context: has the failures.
        pairing: the pairing of the test images.
        probe, gallery: names of the data sets; `gallery` is None within one data set.
        of_gallery: has the gallery's failures, if the gallery's templates are not the probes'.
    """
    probes = context.failures(probe)
    others = probes if gallery is None else (of_gallery or context).failures(gallery)
    if probes is None or others is None:
        return None
    every = Pairing(
        _joined(pairing.probe, probes),
        None if pairing.gallery is None else _joined(pairing.gallery, others),
        pairing.within_folds,
    )
    elsewhere = any(context.failed_elsewhere(name) for name in (probe, gallery) if name is not None)
    return WithFailures(pairing, every, probes, others, elsewhere)


def _joined(images: Embedded, failed: Embedded) -> Embedded:
    """Return images and failed images together, without vectors."""
    return Embedded(
        images.dataset,
        [*images.image_ids, *failed.image_ids],
        [*images.sitters, *failed.sitters],
        [*images.origins, *failed.origins],
        np.empty((len(images) + len(failed), 0), np.float32),
        [*images.folds, *failed.folds],
    )


def floor(least: float) -> float:
    """Return a finite score below all others, for pairs that are never accepted."""
    return least - max(1.0, abs(least))


def listed(found: WithFailures, scores: Floats) -> ScoredPairs:
    """Return every pair with its score; a pair with a failed image has a score below all others.

    Args:
        found: the pairing and its failures.
        scores: scores of the pairing's own pairs, in the order of `Pairing.pairs`.
    """
    rows, columns = found.every.pairs()
    own = (rows < len(found.own.probe)) & (columns < len(found.own.columns))
    every = np.full(len(rows), floor(float(scores.min())))
    every[own] = scores
    a, b = found.every.numbers[0][rows], found.every.numbers[1][columns]
    same = a == b
    return ScoredPairs(every[same], a[same], every[~same], a[~same], b[~same], len(found.every.sitters))


def lost_by_group(found: WithFailures, group_of: Ints, groups: int) -> tuple[Ints, Ints]:
    """Return how many genuine pairs [groups] and impostor pairs [groups, groups] have a failed image.

    Args:
        found: the pairing and its failures.
        group_of: group of each sitter of the pairing. Sitters without any usable image are dealt to groups in turn.
        groups: number of groups.
    """
    known = dict(zip(found.own.sitters, group_of.tolist(), strict=True))
    place = np.array([known.get(name, n % groups) for n, name in enumerate(found.every.sitters)], dtype=np.int64)
    every, without = _pairs_by_group(found.every, place, groups), _pairs_by_group(found.own, group_of, groups)
    return every[0] - without[0], every[1] - without[1]


def _pairs_by_group(pairing: Pairing, group_of: Ints, groups: int) -> tuple[Ints, Ints]:
    """Count genuine pairs by group and impostor pairs by two groups; within a data set, the lower group comes first."""
    sitters = len(pairing.sitters)
    rows, columns = (np.bincount(n, minlength=sitters) for n in pairing.numbers)
    by_row, by_column = (np.bincount(group_of, n, minlength=groups).astype(np.int64) for n in (rows, columns))
    i, j = pairing.excluded
    a, b = pairing.numbers[0][i], pairing.numbers[1][j]
    of_one = rows * (rows - 1) // 2 if pairing.within else rows * columns
    genuine = np.bincount(group_of, of_one, minlength=groups).astype(np.int64)
    both = np.outer(by_row, by_column)
    if pairing.within:
        both = np.triu(both, 1) + np.diag(by_row * (by_row - 1) // 2)
    g, h = group_of[a], group_of[b]
    if pairing.within:
        g, h = np.minimum(g, h), np.maximum(g, h)
    np.subtract.at(both, (g, h), 1)
    np.subtract.at(genuine, g[a == b], 1)
    both[np.arange(groups), np.arange(groups)] -= genuine
    return genuine, both


def mates(pairing: Pairing) -> Ints:
    """Return for each probe the number of gallery images of its own sitter, without copies of its picture: [probes]."""
    number_p, number_g = pairing.numbers
    own = np.bincount(number_g, minlength=len(pairing.sitters))[number_p]
    i, j = pairing.excluded
    if pairing.within:
        i, j = np.concatenate([i, j]), np.concatenate([j, i])
        own = own - 1  # itself
    same = number_p[i] == number_g[j]
    found: Ints = own - np.bincount(i[same], minlength=len(number_p))
    return found
