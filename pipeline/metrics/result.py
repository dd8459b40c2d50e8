"""The input and the result of a benchmark, the same for every kind.

A kind of benchmark is a function `kind(context, options) -> Result`. `evaluate` writes, and `report` shows, all
scalars, curves and examples of the result, so neither changes for a new kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import SitterError
from pipeline.core.nobody import nobody
from pipeline.core.numbers import Floats, Ints

if TYPE_CHECKING:
    from pipeline.store.benchmarks import GroupErrors, HardPair
    from pipeline.store.curves import Curve

Subset = Literal["train", "val", "test"]


@dataclass(frozen=True)
class Embedded:
    """Images of one subset of a data set with one model's embeddings of them.

    `sitters` are names; the same name means the same person in every data set. `origins` name the photograph behind
    each image with its data set (`orl:s1/10`): two images with the same origin are one picture, not two. If a benchmark
    pools several images, templates take the place of images; their origins are the origins of all their images, one per
    line.
    """

    dataset: str
    image_ids: list[str]
    sitters: list[str]
    origins: list[str]
    vectors: NDArray[np.float32]
    """[n, d], unnormalised vectors of the model, finite and not zero."""
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
    """A benchmark cannot evaluate this kind of model, which is left out of its tables."""


class Scored(Embedded):
    """Images with scores of pairs instead of vectors, from an outside system."""

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
        """Take the functions that return the scores.

        Args:
            dataset, image_ids, sitters, origins, folds: as in `Embedded`.
            known: returns the scores against other images, [n, m], NaN for no score.
            known_pairs: returns the scores [k] of pairs of these images, NaN for no score.
            source: name of the table for messages.
        """
        fields = {"dataset": dataset, "image_ids": image_ids, "sitters": sitters, "origins": origins, "folds": folds}
        for name, value in {**fields, "known": known, "known_pairs": known_pairs, "source": source}.items():
            object.__setattr__(self, name, value)

    known: Callable[[Embedded], Floats]
    known_pairs: Callable[[Ints, Ints], Floats]
    source: str

    @property
    def vectors(self) -> NDArray[np.float32]:  # type: ignore[override]
        """Raise Unjudged, because there are no vectors.

        Raises:
            Unjudged: always, so that a benchmark that needs vectors leaves the model out.
        """
        raise Unjudged(f"{self.source} holds scores of pairs, but this benchmark needs vectors.")

    def scores(self, other: Embedded, needed: NDArray[np.bool_]) -> Floats:
        """Return the given scores against other images: [n, m], 0 for no score.

        Raises:
            SitterError: a score is missing that `needed` [n, m] asks for; the message names the pair.
        """
        found = self.known(other)
        if other is self:  # a pair is the same in both directions
            needed = needed & np.triu(np.ones_like(needed), 1)
        missing = np.isnan(found) & needed
        if missing.any():
            i, j = (int(n) for n in np.argwhere(missing)[0])
            self._refuse(int(missing.sum()), int(needed.sum()), i, other, j)
        return np.nan_to_num(found, copy=False)

    def listed(self, a: Ints, b: Ints) -> Floats:
        """Return the given scores of listed pairs [k] of these images.

        Raises:
            SitterError: a score is missing; the message names the pair.
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
            "to the file that download fetches. (A pair that the system refused counts as not accepted: give it the "
            "lowest score of all.)"
        )


@dataclass(frozen=True)
class PairList:
    """The pairs that a data set comes with: rows of `Embedded`, whether genuine, and their folds; arrays [n]."""

    images: Embedded
    a: Ints
    b: Ints
    genuine: NDArray[np.bool_]
    fold: Ints
    lost_genuine: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))
    """[k], whether genuine, for each further pair of the data set with an image without a face, or an image on which
    the model failed."""
    lost_fold: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    lost_elsewhere: bool = False
    """Whether another model has lost pairs, so that lost pairs are counted for this model, too."""


def _no_column(dataset: str, column: str) -> Mapping[str, str]:
    raise SitterError(f"{dataset} has no column {column!r}.")


def _no_means(dataset: str, subset: Subset) -> Floats:
    raise SitterError(f"{dataset} has no {subset} sitters.")


@dataclass(frozen=True)
class Context:
    """One model in one benchmark: access to its embeddings, and the settings shared by all models."""

    embedded: Callable[[str, Subset], Embedded]
    """Returns the embeddings of a data set and subset."""
    pairs: Callable[[str], PairList]
    """Returns the pairs of a data set; raises SitterError if it has none."""
    far: tuple[float, ...]
    """False accept rates at which rates are computed."""
    replicates: int
    seed: int
    level: float = 0.95
    """Level of the intervals."""
    column: Callable[[str, str], Mapping[str, str]] = _no_column
    """Returns the values of a column of a data set's manifest by image; raises SitterError if there is no such
    column."""
    is_nobody: Callable[[str], bool] = field(default_factory=nobody)
    """Whether a value of such a column is a word for nobody (unknown, anonymous, …)."""
    failures: Callable[[str], Embedded | None] = lambda dataset: None
    """Returns a data set's test images without a usable face, or on which the model failed, without vectors; None if
    they are not known."""
    failed_elsewhere: Callable[[str], bool] = lambda dataset: False
    """Whether another model failed on test images of a data set, so that failures are counted for this model, too."""
    means: Callable[[str, Subset], Floats] = _no_means
    """Returns the mean embeddings [k, d], of length 1, of the sitters in a data set's subset; raises SitterError if
    there are none."""
    validation: Callable[[str], Embedded | None] = lambda dataset: None
    """Returns the images of a data set's validation sitters; None if there are none."""
    calibrate: Callable[..., tuple[dict[str, Scalar], tuple[Curve, ...]]] | None = None
    """Returns scalars and curves of a calibration, from the test pairs, the counts of the validation pairs, the number
    of validation sitters and the draws: `scoring.calibration.measure.calibrated`. None: scores are not calibrated."""
    likelihood: Callable[..., Callable[[Floats], Floats]] | None = None
    """Returns a function from scores to natural log-likelihood ratios, fitted on counts of pairs
    (`verification.Tally`): `pipeline.scoring.calibration.fit.fit`."""
    learned: Callable[[], Iterator[NDArray[Any]] | None] = lambda: None
    """Returns the class centres that the model's loss has learned, of length 1, in blocks [n, d]; None if it has
    none."""


@dataclass(frozen=True)
class Scalar:
    """A number, or None with a note if the data cannot support one."""

    value: float | int | None
    note: str = ""
    replicates: Floats | None = None
    """[replicates], the value in each bootstrap replicate, the same replicates for every model; None: no interval."""
    percent: bool = False
    """Whether it is shown as a percentage."""
    better: Literal["lower", "higher"] | None = None
    """Whether lower or higher is better; None: neither."""
    beside: bool = False
    """Whether it is shown in a table of its own, apart from the figures that rank models."""
    effective: float | None = None
    """Effective number of units behind this figure's variance, if it is smaller than the result's."""
    share: bool = False
    """Whether it is a share of searches, with an interval by `intervals.share_interval`."""


@dataclass(frozen=True)
class Result:
    """The result of one benchmark for one model."""

    scalars: dict[str, Scalar]
    """The figures, in the order in which they are shown."""
    units: int = 0
    """Number of independent units (sitters, folds) that the bootstrap drew from."""
    curves: tuple[Curve, ...] = ()
    """Curves and tables, each of a class of `pipeline.store.curves` or a subclass of its `Curve`."""
    examples: Sequence[HardPair] = ()
    """Pairs worth looking at, without the name of the model."""
    reversed: str = ""
    """A message if scores from a file look like distances, because genuine pairs have the lower ones; else empty."""
    effective: float | None = None
    """Effective number of these units, by their shares of the genuine pairs; None: all count equally."""
    groups: Sequence[GroupErrors] = ()
    """Errors by group, without the name of the model."""
