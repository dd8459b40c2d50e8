"""The faces that a model learns from, and those that choose the epoch that is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline import paths
from pipeline.artifacts import read_csv
from pipeline.errors import SitterError
from pipeline.faces.store import FaceStore

if TYPE_CHECKING:
    from pipeline.params.split import Split


@dataclass(frozen=True, eq=False)
class Faces:
    """Faces of one subset, over one or several data sets: n of them, of the sitters 0 … k − 1."""

    datasets: tuple[str, ...]
    stores: tuple[FaceStore, ...]
    """The faces of each data set."""
    where: NDArray[np.int64]
    """[n, 2]: the store, and the row in it."""
    labels: NDArray[np.int64]
    """[n]: the sitter."""

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def sitters(self) -> int:
        """How many sitters there are."""
        return int(self.labels.max()) + 1 if len(self) else 0

    def name(self, i: int) -> str:
        """Data set and image id of a face, for messages."""
        store, row = self.where[i]
        return f"{self.datasets[store]}/{self.stores[store].image_ids[row]}"

    def face(self, i: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """A crop, uint8 [112, 112, 3], and its landmarks in pixels of the crop, float32 [5, 2]."""
        store, row = self.stores[self.where[i, 0]], int(self.where[i, 1])
        return store.crop(row), store.crop_landmarks[row]

    def select(self, keep: NDArray[np.int64]) -> Faces:
        """These faces only, their sitters counted anew."""
        labels = np.unique(self.labels[keep], return_inverse=True)[1]
        return Faces(self.datasets, self.stores, self.where[keep], labels)

    def at_most(self, images: int, seed: int) -> Faces:
        """Whole sitters, drawn at random, as long as they have no more than so many images together."""
        if len(self) <= images:
            return self
        order = np.random.default_rng([seed, len(self)]).permutation(self.sitters)
        total = np.cumsum(np.bincount(self.labels)[order])
        chosen = order[: max(2, int(np.searchsorted(total, images, side="right")))]
        return self.select(np.flatnonzero(np.isin(self.labels, chosen)))


def read_faces(datasets: Sequence[str], splits: Mapping[str, Split]) -> tuple[Faces, Faces]:
    """Faces of the train sitters and of the val sitters of data sets.

    A name means the same sitter in a data set and in those that are split like it; in others it is someone else.

    Args:
        datasets: names of data sets, aligned and split.
        splits: the section `split`, for which data sets are split like which.

    Raises:
        SitterError: files are absent or do not fit each other.
    """
    stores = tuple(FaceStore(paths.faces(dataset)) for dataset in datasets)
    where: dict[str, list[tuple[int, int]]] = {"train": [], "val": []}
    who: dict[str, list[tuple[str, str]]] = {"train": [], "val": []}
    for number, (dataset, store) in enumerate(zip(datasets, stores, strict=True)):
        table = paths.split(dataset) / "split.csv"
        rows = {image_id: row for row, image_id in enumerate(store.image_ids)}
        split = splits[dataset]
        identity = split.dataset if split.kind == "like" else dataset
        for line, image in enumerate(read_csv(table, ["image_id", "sitter", "subset"]), start=2):
            if image["subset"] not in where:
                continue
            if image["image_id"] not in rows:
                raise SitterError(
                    f"{table}, line {line}: image {image['image_id']!r} is not among the {len(rows)} faces of "
                    f"{paths.faces(dataset)}. They changed after the split: run split {dataset} again."
                )
            where[image["subset"]].append((number, rows[image["image_id"]]))
            who[image["subset"]].append((identity, image["sitter"]))
    both = who["train"] and set(who["train"]) & set(who["val"])
    if both:
        identity, sitter = min(both)
        raise SitterError(
            f"sitter {sitter!r} of {identity} both trains and validates: the splits of {', '.join(datasets)} do not "
            f"fit each other. Split each like {identity} (kind: like), and run split again."
        )
    train, val = (
        Faces(tuple(datasets), stores, _table(where[subset]), _labels(who[subset])) for subset in ("train", "val")
    )
    if not len(train):
        raise SitterError(f"no image of {', '.join(datasets)} has the subset train: check the section split.")
    return train, val


def _table(where: list[tuple[int, int]]) -> NDArray[np.int64]:
    return np.array(where, dtype=np.int64).reshape(-1, 2)


def _labels(who: list[tuple[str, str]]) -> NDArray[np.int64]:
    """Sitters numbered in the order of their names."""
    number = {name: i for i, name in enumerate(sorted(set(who)))}
    return np.array([number[name] for name in who], dtype=np.int64)
