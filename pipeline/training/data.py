"""The faces that a model is trained on, and the validation faces that choose the epoch to keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import SitterError
from pipeline.core.layout import HERE, Layout
from pipeline.store.faces import FaceStore
from pipeline.store.splits import split_columns, split_file

if TYPE_CHECKING:
    import pyarrow as pa

    from pipeline.params.split import Split


@dataclass(frozen=True, eq=False)
class Faces:
    """The n faces of a subset of one or several data sets; their sitters have the numbers 0 … k − 1."""

    datasets: tuple[str, ...]
    stores: tuple[FaceStore, ...]
    """The faces of each data set."""
    where: NDArray[np.int64]
    """[n, 2]: the number of the store, and the row in it."""
    labels: NDArray[np.int64]
    """[n]: the number of the sitter."""
    names: tuple[tuple[str, str], ...] = ()
    """The sitters in the order of their numbers: the data set in which the name is used, and the name."""

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def sitters(self) -> int:
        """The number of sitters."""
        return int(self.labels.max()) + 1 if len(self) else 0

    def name(self, i: int) -> str:
        """Return the data set and image id of a face, for messages."""
        store, row = self.where[i]
        return f"{self.datasets[store]}/{self.stores[store].image_ids[row]}"

    def face(self, i: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Return a crop, uint8 [112, 112, 3], and its landmarks in pixels of the crop, float32 [5, 2]."""
        store, row = self.where[i].tolist()
        landmarks: NDArray[np.float32] = self.stores[store].crop_landmarks[row]
        return self.crop(i), landmarks

    def crop(self, i: int) -> NDArray[np.uint8]:
        """Return a crop without its landmarks, uint8 [112, 112, 3]; for millions of faces, landmarks take time."""
        store, row = self.where[i].tolist()
        crop: NDArray[np.uint8] = self.stores[store].crop(row)
        return crop

    def select(self, keep: NDArray[np.int64]) -> Faces:
        """Return only these faces; their sitters get new numbers without gaps."""
        there, labels = np.unique(self.labels[keep], return_inverse=True)
        names = tuple(self.names[number] for number in there) if self.names else ()
        return Faces(self.datasets, self.stores, self.where[keep], labels, names)

    def known_to(self, others: Faces) -> Faces:
        """Return the faces of sitters who also occur in `others`, with the sitters' numbers in `others`."""
        number = {name: i for i, name in enumerate(others.names)}
        labels = np.array([number.get(name, -1) for name in self.names], dtype=np.int64)[self.labels]
        keep = np.flatnonzero(labels >= 0)
        return Faces(self.datasets, self.stores, self.where[keep], labels[keep], others.names)

    def at_most(self, images: int, seed: int) -> Faces:
        """Return all faces of sitters drawn at random, `images` faces at most, but two sitters at least."""
        if len(self) <= images:
            return self
        order = np.random.default_rng([seed, len(self)]).permutation(self.sitters)
        total = np.cumsum(np.bincount(self.labels)[order])
        chosen = order[: max(2, int(np.searchsorted(total, images, side="right")))]
        return self.select(np.flatnonzero(np.isin(self.labels, chosen)))


def read_faces(
    datasets: Sequence[str], splits: Mapping[str, Split], fold: int | None = None, at: Layout = HERE
) -> tuple[Faces, Faces]:
    """Return the faces of the train sitters and of the val sitters (in a split by images: train and val images).

    A name means the same sitter in a data set and in data sets that are split like it. In other data sets, the same
    name means another person.

    Args:
        datasets: the names of the data sets, which are aligned and split.
        splits: the section `split`, which says which data sets are split like another.
        fold: in data sets without train and val sitters, the fold to leave out; the next fold is for validation.
        at: the project that holds the data sets.

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
                f"{len(store)} faces of {at.faces(dataset)}. The faces changed after the split: split {dataset} again."
            )
        for subset in where:
            chosen = np.flatnonzero(subsets == subset)
            where[subset].append(np.stack([np.full(len(chosen), number), rows[chosen]], axis=1))
            who[subset].append((names, sitters.indices.to_numpy()[chosen]))
    both = {name for name in _names(who["train"]) & _names(who["val"]) if splits[name[0]].kind != "images"}
    if both:
        identity, sitter = min(both)
        raise SitterError(
            f"sitter {sitter!r} of {identity} both trains and validates: the splits of {', '.join(datasets)} "
            f"contradict each other. Split each like {identity} (kind: like), and run split again."
        )
    train, val = (
        Faces(tuple(datasets), stores, np.concatenate(where[subset]), *_labels(who[subset]))
        for subset in ("train", "val")
    )
    if not len(train):
        raise SitterError(f"no image of {', '.join(datasets)} has the subset train: check the section split.")
    return train, val


_Who: TypeAlias = tuple[list[tuple[str, str]], NDArray[np.int32]]
"""Names (the data set in which a name is used, sitter), and the position of each image's name among them."""


def _words(column: pa.StringArray) -> NDArray[np.str_]:
    """Return the values of a column that has few different ones."""
    encoded = column.dictionary_encode()
    words: NDArray[np.str_] = np.array(encoded.dictionary.to_pylist(), dtype=str)[encoded.indices.to_numpy()]
    return words


def _without_fold(subsets: NDArray[np.str_], folds: NDArray[np.str_], fold: int, table: Path) -> NDArray[np.str_]:
    """Return the subset of each image if one fold is for testing, the next for validation and the rest for training.

    A data set that has train or val sitters keeps its subsets.
    """
    if np.isin(subsets, ["train", "val"]).any():
        return subsets
    tested = subsets == "test"
    own = np.where(tested, folds, "0").astype(int)
    count = 1 + int(own.max())
    if not fold < count or count < 3:
        raise SitterError(
            f"training.fold is {fold}, but {table} has the folds 0 to {count - 1}: at least three are needed, one to "
            "test, one to validate and the rest to train. Set more folds in its split, or another fold."
        )
    dealt = np.where(own == fold, "test", np.where(own == (fold + 1) % count, "val", "train"))
    return np.where(tested, dealt, subsets)


def _names(who: list[_Who]) -> set[tuple[str, str]]:
    return {names[code] for names, codes in who for code in np.unique(codes)}


def _labels(who: list[_Who]) -> tuple[NDArray[np.int64], tuple[tuple[str, str], ...]]:
    """Return the number of each image's sitter, in the order of the names, and the names."""
    ordered = tuple(sorted(_names(who)))
    number = {name: i for i, name in enumerate(ordered)}
    of = [np.array([number.get(n, -1) for n in names], dtype=np.int64)[codes] for names, codes in who]
    return np.concatenate(of), ordered
