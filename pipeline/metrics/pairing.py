"""All pairs of the images of one data set, or of two: which of them are genuine, and which do not count."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.numbers import Floats, Ints, unit
from pipeline.metrics.result import Embedded, Scored

# Sorts of examples: genuine or impostor pairs, and whether their highest or their lowest scores are wanted.
EXAMPLES = {
    "hardest_genuine": ("genuine", "lowest"),
    "hardest_impostor": ("impostor", "highest"),
    "easiest_genuine": ("genuine", "highest"),
}


@dataclass(frozen=True)
class Example:
    """A pair worth looking at."""

    score: float
    row: int
    column: int

    def order(self, sort: str) -> tuple[float, int, int]:
        """Return the key by which examples of a sort are ordered."""
        return (self.score if EXAMPLES[sort][1] == "lowest" else -self.score), self.row, self.column


def extremes(
    scores: NDArray[Any],
    genuine: Ints,
    impostor: Ints,
    place: Callable[[Ints], tuple[Ints, Ints]],
    keep: int,
    known: dict[str, list[Example]],
) -> dict[str, list[Example]]:
    """Return the first `keep` examples of each sort.

    Args:
        scores: [n], scores of the pairs.
        genuine, impostor: numbers of the genuine and of the impostor pairs.
        place: returns rows and columns of pairs by their numbers.
        known: examples found elsewhere; pairs that come after all of them are left out.
    """
    found = {}
    for sort, (which, end) in EXAMPLES.items():
        chosen = genuine if which == "genuine" else impostor
        value = scores[chosen] if end == "lowest" else -scores[chosen]
        bound = known[sort][-1].order(sort)[0] if len(known.get(sort, ())) >= keep else np.inf
        if len(value) > keep:
            bound = min(bound, np.partition(value, keep - 1)[keep - 1])
        chosen = chosen[value <= bound]
        rows, columns = place(chosen)
        best = np.lexsort((columns, rows, scores[chosen] if end == "lowest" else -scores[chosen]))[:keep]
        found[sort] = [Example(float(scores[chosen[b]]), int(rows[b]), int(columns[b])) for b in best]
    return found


@dataclass(frozen=True)
class Pairing:
    """Every pair of a probe and a gallery image; within one data set (`gallery` None), every two images once.

    Pairs with the same origin (a painting and the photograph that it was made from, or two renderings of one
    photograph) are excluded, because they show one picture twice.
    """

    probe: Embedded
    gallery: Embedded | None
    within_folds: bool = False
    """Whether pairs of images from different folds are excluded, too, because they were never in the same test."""

    @property
    def columns(self) -> Embedded:
        """The images with which probes are compared."""
        return self.probe if self.gallery is None else self.gallery

    @property
    def within(self) -> bool:
        """Whether pairs are drawn within one data set."""
        return self.gallery is None

    @cached_property
    def sitters(self) -> list[str]:
        """Names of all sitters, sorted; a sitter's number is its place here."""
        return sorted({*self.probe.sitters, *self.columns.sitters})

    @cached_property
    def numbers(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Sitter numbers of the rows and of the columns."""
        number = {name: n for n, name in enumerate(self.sitters)}
        rows, columns = (np.array([number[s] for s in e.sitters], dtype=np.int32) for e in (self.probe, self.columns))
        return rows, columns

    @cached_property
    def excluded(self) -> tuple[Ints, Ints]:
        """Rows and columns of the excluded pairs; within one data set, each once with row < column."""
        pictures = self._of_one_picture()
        return self._across_folds(pictures) if self.within_folds else pictures

    def _of_one_picture(self) -> tuple[Ints, Ints]:
        """Return the pairs that show one picture; for two templates, that have a picture in common."""
        places: dict[str, list[int]] = {}
        for j, origins in enumerate(self.columns.origins):
            for origin in origins.split("\n"):
                places.setdefault(origin, []).append(j)
        found = dict.fromkeys(  # two templates may share several pictures
            (i, j)
            for i, origins in enumerate(self.probe.origins)
            for origin in origins.split("\n")
            for j in places.get(origin, ())
            if not self.within or i < j
        )
        pairs = np.array(list(found), dtype=np.int64).reshape(-1, 2)
        return pairs[:, 0], pairs[:, 1]

    def _across_folds(self, pictures: tuple[Ints, Ints]) -> tuple[Ints, Ints]:
        """Return the excluded pairs if only pairs within a fold count, from a matrix of all pairs (for small sets)."""
        folds = [np.array(images.folds) for images in (self.probe, self.columns)]
        out = folds[0][:, None] != folds[1][None, :]
        out[pictures] = True
        rows, columns = np.nonzero(np.triu(out, 1) if self.within else out)
        return rows.astype(np.int64), columns.astype(np.int64)

    @property
    def size(self) -> int:
        """Number of pairs without the excluded ones."""
        n, m = len(self.probe), len(self.columns)
        return (n * (n - 1) // 2 if self.within else n * m) - len(self.excluded[0])

    def pairs(self) -> tuple[Ints, Ints]:
        """Return rows and columns of every pair, for small sets only."""
        n, m = len(self.probe), len(self.columns)
        counts = np.triu(np.ones((n, m), dtype=bool), 1) if self.within else np.ones((n, m), dtype=bool)
        counts[self.excluded] = False
        rows, columns = np.nonzero(counts)
        return rows.astype(np.int64), columns.astype(np.int64)

    def scorer(self, order: Ints | None = None) -> Callable[[slice], Floats]:
        """Return a function from rows to the scores of these probes with the gallery images in this order.

        The scores [rows, gallery] are cosines in double precision, or the scores of an outside system, with 0 for
        excluded pairs.

        Raises:
            SitterError: a score is missing.
        """
        order = np.arange(len(self.columns)) if order is None else order
        if isinstance(self.probe, Scored):
            needed = np.ones((len(self.probe), len(self.columns)), dtype=bool)
            rows, columns = self.excluded
            needed[rows, columns] = False
            if self.within:
                needed[columns, rows] = False
                np.fill_diagonal(needed, False)
            scores = self.probe.scores(self.columns, needed)[:, order]
            return lambda rows: scores[rows].copy()
        probes, gallery = unit(self.probe.vectors), unit(self.columns.vectors)[order]
        return lambda rows: np.asarray(probes[rows] @ gallery.T)
