"""The faces that a model learns from, and those that choose the epoch that is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import SitterError
from pipeline.plan.layout import HERE, Layout
from pipeline.store.faces import FaceStore
from pipeline.store.splits import split_columns, split_file

if TYPE_CHECKING:
    import pyarrow as pa

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
    names: tuple[tuple[str, str], ...] = ()
    """Of the sitters, in the order of their numbers: the data set that names them so, and the name."""

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
        store, row = self.where[i].tolist()
        landmarks: NDArray[np.float32] = self.stores[store].crop_landmarks[row]
        return self.crop(i), landmarks

    def crop(self, i: int) -> NDArray[np.uint8]:
        """A crop alone, uint8 [112, 112, 3]: millions of faces need no landmarks computed."""
        store, row = self.where[i].tolist()
        crop: NDArray[np.uint8] = self.stores[store].crop(row)
        return crop

    def select(self, keep: NDArray[np.int64]) -> Faces:
        """These faces only, their sitters counted anew."""
        there, labels = np.unique(self.labels[keep], return_inverse=True)
        names = tuple(self.names[number] for number in there) if self.names else ()
        return Faces(self.datasets, self.stores, self.where[keep], labels, names)

    def known_to(self, others: Faces) -> Faces:
        """The faces whose sitters are among those of others, with these sitters' numbers there."""
        number = {name: i for i, name in enumerate(others.names)}
        labels = np.array([number.get(name, -1) for name in self.names], dtype=np.int64)[self.labels]
        keep = np.flatnonzero(labels >= 0)
        return Faces(self.datasets, self.stores, self.where[keep], labels[keep], others.names)

    def at_most(self, images: int, seed: int) -> Faces:
        """Whole sitters, drawn at random, as long as they have no more than so many images together."""
        if len(self) <= images:
            return self
        order = np.random.default_rng([seed, len(self)]).permutation(self.sitters)
        total = np.cumsum(np.bincount(self.labels)[order])
        chosen = order[: max(2, int(np.searchsorted(total, images, side="right")))]
        return self.select(np.flatnonzero(np.isin(self.labels, chosen)))


def read_faces(
    datasets: Sequence[str], splits: Mapping[str, Split], fold: int | None = None, at: Layout = HERE
) -> tuple[Faces, Faces]:
    """Faces of the train sitters and of the val sitters (where they are split by images: images) of data sets.

    A name means the same sitter in a data set and in those that are split like it; in others it is someone else.

    Args:
        datasets: names of data sets, aligned and split.
        splits: the section `split`, for which data sets are split like which.
        fold: in data sets without train and val sitters, leave out those of this fold; the next one validates.
        at: the project that they lie in.

    Raises:
        SitterError: files are absent or do not fit each other.
    """
    stores = tuple(FaceStore(at.faces(dataset)) for dataset in datasets)
    where: dict[str, list[NDArray[np.int64]]] = {"train": [], "val": []}
    who: dict[str, list[_Who]] = {"train": [], "val": []}
    for number, (dataset, store) in enumerate(zip(datasets, stores, strict=True)):
        table = split_file(dataset, at)
        split = splits[dataset]
        identity = split.dataset if split.kind == "like" else dataset
        images = split_columns(dataset, "image_id", "sitter", "subset", "fold", at=at)
        sitters, subsets = images["sitter"].dictionary_encode(), _words(images["subset"])
        names = [(identity, name) for name in sitters.dictionary.to_pylist()]
        if fold is not None:
            subsets = _without_fold(subsets, _words(images["fold"]), fold, table)
        rows = store.rows(images["image_id"]).fill_null(-1).to_numpy()
        absent = np.flatnonzero(np.isin(subsets, list(where)) & (rows < 0))
        if len(absent):
            raise SitterError(
                f"{table}, line {absent[0] + 2}: image {images['image_id'][absent[0]].as_py()!r} is not among the "
                f"{len(store)} faces of {at.faces(dataset)}. They changed after the split: split {dataset} again."
            )
        for subset in where:
            chosen = np.flatnonzero(subsets == subset)
            where[subset].append(np.stack([np.full(len(chosen), number), rows[chosen]], axis=1))
            who[subset].append((names, sitters.indices.to_numpy()[chosen]))
    both = {name for name in _names(who["train"]) & _names(who["val"]) if splits[name[0]].kind != "images"}
    if both:
        identity, sitter = min(both)
        raise SitterError(
            f"sitter {sitter!r} of {identity} both trains and validates: the splits of {', '.join(datasets)} do not "
            f"fit each other. Split each like {identity} (kind: like), and run split again."
        )
    train, val = (
        Faces(tuple(datasets), stores, np.concatenate(where[subset]), *_labels(who[subset]))
        for subset in ("train", "val")
    )
    if not len(train):
        raise SitterError(f"no image of {', '.join(datasets)} has the subset train: check the section split.")
    return train, val


_Who: TypeAlias = tuple[list[tuple[str, str]], NDArray[np.int32]]
"""Names (identity of the data set, sitter), and which of them each image has."""


def _words(column: pa.StringArray) -> NDArray[np.str_]:
    """A column that holds few different words."""
    encoded = column.dictionary_encode()
    words: NDArray[np.str_] = np.array(encoded.dictionary.to_pylist(), dtype=str)[encoded.indices.to_numpy()]
    return words


def _without_fold(subsets: NDArray[np.str_], folds: NDArray[np.str_], fold: int, table: Path) -> NDArray[np.str_]:
    """Subset of each image where one fold tests, the next validates and the rest train.

    A data set that has train or val sitters of its own keeps its subsets.
    """
    if np.isin(subsets, ["train", "val"]).any():
        return subsets
    tested = subsets == "test"
    own = np.where(tested, folds, "0").astype(int)
    count = 1 + int(own.max())
    if not fold < count or count < 3:
        raise SitterError(
            f"training.fold is {fold}, but {table} has the folds 0 to {count - 1}: at least three are needed, one to "
            "test, one to validate and the rest to train. Set folds in its split, or another fold."
        )
    dealt = np.where(own == fold, "test", np.where(own == (fold + 1) % count, "val", "train"))
    return np.where(tested, dealt, subsets)


def _names(who: list[_Who]) -> set[tuple[str, str]]:
    return {names[code] for names, codes in who for code in np.unique(codes)}


def _labels(who: list[_Who]) -> tuple[NDArray[np.int64], tuple[tuple[str, str], ...]]:
    """Sitters numbered in the order of their names, and the names."""
    ordered = tuple(sorted(_names(who)))
    number = {name: i for i, name in enumerate(ordered)}
    of = [np.array([number.get(n, -1) for n in names], dtype=np.int64)[codes] for names, codes in who]
    return np.concatenate(of), ordered
