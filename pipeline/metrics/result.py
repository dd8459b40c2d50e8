"""What a benchmark is handed and what it hands back, the same for every kind.

A kind of benchmark is a function `kind(context, *, …options…) -> Result`. `evaluate` writes and `report` shows whatever
scalars, curves and examples come back, so that a new kind is one file and one line in the registry.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Column = Sequence[Any] | NDArray[Any]
Subset = Literal["train", "val", "test"]


@dataclass(frozen=True)
class Embedded:
    """Images of one subset of a data set with one model's embeddings of them.

    `sitters` are names, the same name being the same person in every data set. `origins` name the photograph behind
    each image with its data set (`orl:s1/10`): two images of one origin are one picture, not two.
    """

    dataset: str
    image_ids: list[str]
    sitters: list[str]
    origins: list[str]
    vectors: NDArray[np.float32]
    """[n, d], as the model gives them, finite and not zero."""

    def __len__(self) -> int:
        return len(self.image_ids)


@dataclass(frozen=True)
class PairList:
    """Pairs that a data set comes with: rows of `Embedded`, whether genuine, and their folds; arrays [n]."""

    images: Embedded
    a: Ints
    b: Ints
    genuine: NDArray[np.bool_]
    fold: Ints


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


def at(name: str, far: float) -> str:
    """Name of a rate at a FAR.

    >>> at("tar", 1e-05)
    'tar@0.00001'
    """
    return f"{name}@{np.format_float_positional(far, trim='-')}"


def unit(vectors: NDArray[Any]) -> Floats:
    """Vectors [n, d] scaled to length 1, float64."""
    x = np.asarray(vectors, dtype=np.float64)
    scaled: Floats = x / np.linalg.norm(x, axis=1, keepdims=True)
    return scaled
