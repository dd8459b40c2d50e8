"""The faces that a model learns from, and those that choose the epoch that is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
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


def read_faces(datasets: Sequence[str], splits: Mapping[str, Split], fold: int | None = None) -> tuple[Faces, Faces]:
    """Faces of the train sitters and of the val sitters (where they are split by images: images) of data sets.

    A name means the same sitter in a data set and in those that are split like it; in others it is someone else.

    Args:
        datasets: names of data sets, aligned and split.
        splits: the section `split`, for which data sets are split like which.
        fold: in data sets without train and val sitters, leave out those of this fold; the next one validates.

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
        images = read_csv(table, ["image_id", "sitter", "subset", "fold"])
        subsets = _without_fold(images, fold, table) if fold is not None else [image["subset"] for image in images]
        for line, (image, subset) in enumerate(zip(images, subsets, strict=True), start=2):
            if subset not in where:
                continue
            if image["image_id"] not in rows:
                raise SitterError(
                    f"{table}, line {line}: image {image['image_id']!r} is not among the {len(rows)} faces of "
                    f"{paths.faces(dataset)}. They changed after the split: run split {dataset} again."
                )
            where[subset].append((number, rows[image["image_id"]]))
            who[subset].append((identity, image["sitter"]))
    both = {name for name in set(who["train"]) & set(who["val"]) if splits[name[0]].kind != "images"}
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


def _without_fold(images: Sequence[Mapping[str, str]], fold: int, table: Path) -> list[str]:
    """Subset of each image where one fold tests, the next validates and the rest train.

    A data set that has train or val sitters of its own keeps its subsets.
    """
    if any(image["subset"] in ("train", "val") for image in images):
        return [image["subset"] for image in images]
    folds = 1 + max(int(image["fold"]) for image in images if image["subset"] == "test")
    if not fold < folds or folds < 3:
        raise SitterError(
            f"training.fold is {fold}, but {table} has the folds 0 to {folds - 1}: at least three are needed, one to "
            "test, one to validate and the rest to train. Set folds in its split, or another fold."
        )
    words = {fold: "test", (fold + 1) % folds: "val"}
    return [
        image["subset"] if image["subset"] != "test" else words.get(int(image["fold"]), "train") for image in images
    ]


def _table(where: list[tuple[int, int]]) -> NDArray[np.int64]:
    return np.array(where, dtype=np.int64).reshape(-1, 2)


def _labels(who: list[tuple[str, str]]) -> NDArray[np.int64]:
    """Sitters numbered in the order of their names."""
    number = {name: i for i, name in enumerate(sorted(set(who)))}
    return np.array([number[name] for name in who], dtype=np.int64)
