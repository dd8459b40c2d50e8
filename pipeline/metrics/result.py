"""What a benchmark is handed and what it hands back, the same for every kind.

A kind of benchmark is a function `kind(context, options) -> Result`. `evaluate` writes and `report` shows whatever
scalars, curves and examples come back, so that a new kind changes neither.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import SitterError
from pipeline.core.nobody import nobody

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Column = Sequence[Any] | NDArray[Any]
Subset = Literal["train", "val", "test"]


@dataclass(frozen=True)
class Embedded:
    """Images of one subset of a data set with one model's embeddings of them.

    `sitters` are names, the same name being the same person in every data set. `origins` name the photograph behind
    each image with its data set (`orl:s1/10`): two images of one origin are one picture, not two. Where a benchmark
    pools several images, templates stand in their place, with the origins of all their images, a line each.
    """

    dataset: str
    image_ids: list[str]
    sitters: list[str]
    origins: list[str]
    vectors: NDArray[np.float32]
    """[n, d], as the model gives them, finite and not zero."""
    folds: list[int] = field(default_factory=list)
    """Fold of each image in the split."""

    def __len__(self) -> int:
        return len(self.image_ids)


def first_of_each(pictures: Sequence[str]) -> Ints:
    """Return the places of the first image of each picture, ascending: int64 [k].

    >>> first_of_each(["a", "b", "a"]).tolist()
    [0, 1]
    """
    first: dict[str, int] = {}
    for place, picture in enumerate(pictures):
        first.setdefault(picture, place)
    return np.fromiter(first.values(), np.int64, len(first))


class Unjudged(SitterError):
    """A benchmark cannot say anything of this kind of model, which is left out of its tables."""


class Scored(Embedded):
    """Images with scores of pairs instead of vectors, as an outside system may give them."""

    def __init__(
        self,
        dataset: str,
        image_ids: list[str],
        sitters: list[str],
        origins: list[str],
        folds: list[int],
        known: Callable[[Embedded], Floats],
        known_pairs: Callable[[Ints, Ints], Floats],
        source: str,
    ) -> None:
        """Take what gives the scores.

        Args:
            dataset, image_ids, sitters, origins, folds: as in `Embedded`.
            known: gives the scores against other images, [n, m], NaN where there is none.
            known_pairs: gives the scores [k] of pairs of these images, NaN where there is none.
            source: what messages call the table.
        """
        fields = {"dataset": dataset, "image_ids": image_ids, "sitters": sitters, "origins": origins, "folds": folds}
        for name, value in {**fields, "known": known, "known_pairs": known_pairs, "source": source}.items():
            object.__setattr__(self, name, value)

    known: Callable[[Embedded], Floats]
    known_pairs: Callable[[Ints, Ints], Floats]
    source: str

    @property
    def vectors(self) -> NDArray[np.float32]:  # type: ignore[override]
        """There are none.

        Raises:
            Unjudged: always; so a benchmark that needs vectors leaves the model out.
        """
        raise Unjudged(f"{self.source} holds scores of pairs, but this benchmark needs vectors.")

    def scores(self, other: Embedded, needed: NDArray[np.bool_]) -> Floats:
        """Scores against other images: [n, m], as given; 0 where there is none.

        Raises:
            SitterError: a needed one [n, m] is not there; names the pair.
        """
        found = self.known(other)
        if other is self:  # in either direction it is one pair
            needed = needed & np.triu(np.ones_like(needed), 1)
        missing = np.isnan(found) & needed
        if missing.any():
            i, j = (int(n) for n in np.argwhere(missing)[0])
            self._refuse(int(missing.sum()), int(needed.sum()), i, other, j)
        return np.nan_to_num(found, copy=False)

    def listed(self, a: Ints, b: Ints) -> Floats:
        """Scores of listed pairs [k] of these images, as given.

        Raises:
            SitterError: one is not there; names the pair.
        """
        found = self.known_pairs(a, b)
        missing = np.flatnonzero(np.isnan(found))
        if len(missing):
            self._refuse(len(missing), len(found), int(a[missing[0]]), self, int(b[missing[0]]))
        return found

    def _refuse(self, missing: int, needed: int, i: int, other: Embedded, j: int) -> None:
        raise SitterError(
            f"{self.source} has no score for {missing:,} of {needed:,} pairs, the first of them probe "
            f"{self.image_ids[i]!r} of {self.dataset} and gallery {other.image_ids[j]!r} of {other.dataset}: add them "
            "to the file that download brings. (A pair that the system refused counts as not accepted: give it the "
            "least score of all.)"
        )


@dataclass(frozen=True)
class PairList:
    """Pairs that a data set comes with: rows of `Embedded`, whether genuine, and their folds; arrays [n]."""

    images: Embedded
    a: Ints
    b: Ints
    genuine: NDArray[np.bool_]
    fold: Ints
    lost_genuine: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))
    """Whether genuine, of each further pair [k] that the data set comes with and of which an image has no face, or on
    which the model failed."""
    lost_fold: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    lost_elsewhere: bool = False
    """Whether another model has lost pairs, so that they are counted of this one, too."""


def _no_column(dataset: str, column: str) -> Mapping[str, str]:
    raise SitterError(f"{dataset} has no column {column!r}.")


def _no_means(dataset: str, subset: Subset) -> Floats:
    raise SitterError(f"{dataset} has no {subset} sitters.")


@dataclass(frozen=True)
class Context:
    """One model under one benchmark: where its embeddings are, and what is asked of all models alike."""

    embedded: Callable[[str, Subset], Embedded]
    """By data set and subset."""
    pairs: Callable[[str], PairList]
    """By data set; raises SitterError for a data set without pairs."""
    far: tuple[float, ...]
    """False accept rates at which rates are given."""
    replicates: int
    seed: int
    level: float = 0.95
    """Of the intervals."""
    column: Callable[[str, str], Mapping[str, str]] = _no_column
    """By data set and column of its manifest: the value of each image; raises SitterError where there is none."""
    is_nobody: Callable[[str], bool] = field(default_factory=nobody)
    """Whether a value of such a column names nobody (unknown, anonymous, …)."""
    failures: Callable[[str], Embedded | None] = lambda dataset: None
    """By data set: the images of test sitters without a usable face, or on which the model failed, without vectors;
    None: nobody has kept account."""
    failed_elsewhere: Callable[[str], bool] = lambda dataset: False
    """By data set: whether another model failed on test images, so that failures are counted of this one, too."""
    means: Callable[[str, Subset], Floats] = _no_means
    """By data set and subset: unit-length mean embeddings [k, d] of its sitters; raises SitterError where there are
    none."""
    validation: Callable[[str], Embedded | None] = lambda dataset: None
    """By data set: the images of its validation sitters; None where there are none."""
    calibrate: Callable[..., tuple[dict[str, Scalar], dict[str, dict[str, Column]]]] | None = None
    """Scalars and curves of a calibration, from the test pairs, the counts of the validation pairs, the number of
    validation sitters and the draws: `pipeline.calibration.measure.calibrated`. None: scores are not calibrated."""
    likelihood: Callable[..., Callable[[Floats], Floats]] | None = None
    """From the counts of pairs (`verification.Tally`) to the natural log-likelihood ratios of scores:
    `pipeline.calibration.fit.fit`."""
    learned: Callable[[], Iterator[NDArray[Any]] | None] = lambda: None
    """The class centres that the model's loss has learned, of length 1, some [n, d] at a time; None: it has none."""


@dataclass(frozen=True)
class Scalar:
    """A number, or None with a note where the data cannot support one."""

    value: float | int | None
    note: str = ""
    replicates: Floats | None = None
    """[replicates] the value in each bootstrap replicate, the same replicates for every model; None: no interval."""
    percent: bool = False
    """Shown as a percentage."""
    better: Literal["lower", "higher"] | None = None
    """What counts as good; None: neither."""
    beside: bool = False
    """Shown beside the figures that models are ranked by, in a table of its own."""
    effective: float | None = None
    """Effective number of units that this figure's variance is known from, where it is less than the result's."""
    share: bool = False
    """A share of searches, whose interval is that of `intervals.share_interval`."""


@dataclass(frozen=True)
class Result:
    """What one benchmark says of one model."""

    scalars: dict[str, Scalar]
    """In the order they are shown in."""
    units: int = 0
    """Number of independent units (sitters, folds) that the bootstrap drew from."""
    curves: dict[str, dict[str, Column]] = field(default_factory=dict)
    """Long tables by name, `{"roc": {"far": …, "tar": …}}`; columns of one length."""
    examples: list[dict[str, str | int | float]] = field(default_factory=list)
    """Pairs worth looking at: sort, rank, probe, gallery, probe_dataset, gallery_dataset, score."""
    reversed: str = ""
    """A sentence where scores from a file look like distances: genuine pairs have the lower ones."""
    effective: float | None = None
    """Effective number of these units, by their shares of the genuine pairs; None: all count alike."""


def at(name: str, far: float) -> str:
    """Name of a rate at a FAR.

    >>> at("tar", 1e-05)
    'tar@0.00001'
    """
    return f"{name}@{np.format_float_positional(far, trim='-')}"


# Cosines of the same two directions may differ in their last bits, which depend on their places in a matrix.
COSINE_GRID = 2.0**-40


def rounded(cosines: Floats) -> Floats:
    """Round cosines, float64, in place to about 12 decimals, so that equal ones are equal; none then exceeds ± 1."""
    cosines *= 1 / COSINE_GRID
    np.rint(cosines, out=cosines)
    cosines *= COSINE_GRID
    return cosines


def unit(vectors: NDArray[Any]) -> Floats:
    """Vectors [n, d] scaled to length 1, float64."""
    x = np.asarray(vectors, dtype=np.float64)
    scaled: Floats = x / np.linalg.norm(x, axis=1, keepdims=True)
    return scaled
