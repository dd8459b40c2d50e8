"""The faces that a model is trained on, and the validation faces that choose the epoch to keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import SitterError
from pipeline.core.layout import Layout
from pipeline.core.names import tested
from pipeline.store.faces import FaceStore
from pipeline.store.splits import TESTED, Seats, read_seats

if TYPE_CHECKING:
    from pipeline.params.recipe import Recipe


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


@dataclass(frozen=True, eq=False)
class FacesToLearn:
    """The faces that a model is made with."""

    train: Faces
    val: Faces
    """The faces of all val sitters."""
    judging: Faces
    """The val faces that give an error rate: whole sitters drawn at random, `training.val_images` faces at most."""
    for_mean: Faces | None
    """For a centred model, the train faces that its mean is computed from."""


def read_faces(recipe: Recipe, at: Layout) -> FacesToLearn:
    """Choose the faces of the train sitters and of the val sitters (in a split by images: train and val images).

    A name means the same sitter in a data set and in data sets that are split like it. In other data sets, the same
    name means another person. Only the mean of a centred model leaves out sitters whose name is tested anywhere else.

    Args:
        recipe: the recipe of the model; its data sets are aligned and split.
        at: the project that holds the data sets.

    Raises:
        SitterError: files are absent or do not fit each other, or no face is left for the mean.
    """
    training, datasets = recipe.training, recipe.training.train_on
    stores = tuple(FaceStore(at.faces(dataset)) for dataset in datasets)
    others = {other for dataset in datasets for other in recipe.tested_in.get(dataset, ())} - {*datasets}
    folds = dict.fromkeys(datasets, training.fold) | dict.fromkeys(others)
    seats = {dataset: read_seats(dataset, at, fold) for dataset, fold in folds.items()}
    where: dict[str, list[NDArray[np.int64]]] = {"train": [], "val": []}
    who: dict[str, list[_Who]] = {"train": [], "val": []}
    for number, (dataset, store) in enumerate(zip(datasets, stores, strict=True)):
        split, own = recipe.splits[dataset], seats[dataset]
        if own.folds and (own.folds < 3 or (training.fold or 0) >= own.folds):
            raise SitterError(
                f"training.fold is {training.fold}, but {own.table} has the folds 0 to {own.folds - 1}: at least three "
                "are needed, one to test, one to validate and the rest to train. Set more folds in its split, or "
                "another fold."
            )
        identity, ids = split.dataset if split.kind == "like" else dataset, own.image_ids
        sitters, rows = own.sitters.dictionary_encode(), store.rows(ids).fill_null(-1).to_numpy()
        names = [(identity, name) for name in sitters.dictionary.to_pylist()]
        absent = np.flatnonzero(own.are_in(*where) & (rows < 0))
        if len(absent):
            raise SitterError(
                f"{own.table}, line {absent[0] + 2}: image {ids[absent[0]].as_py()!r} is not among the "
                f"{len(store)} faces of {at.faces(dataset)}. The faces changed after the split: split {dataset} again."
            )
        for subset in where:
            chosen = np.flatnonzero(own.are_in(subset))
            where[subset].append(np.stack([np.full(len(chosen), number), rows[chosen]], axis=1))
            who[subset].append((names, sitters.indices.to_numpy()[chosen]))
    both = {name for name in _names(who["train"]) & _names(who["val"]) if recipe.splits[name[0]].kind != "images"}
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
    judging = val.at_most(training.val_images, recipe.study_seed)
    return FacesToLearn(train, val, judging, _strangers(recipe, train, seats) if recipe.model.centre else None)


_Who: TypeAlias = tuple[list[tuple[str, str]], NDArray[np.int32]]
"""Names (the data set in which a name is used, sitter), and the position of each image's name among them."""


def _strangers(recipe: Recipe, faces: Faces, seats: Mapping[str, Seats]) -> Faces:
    """Return the faces of sitters who are tested in no other data set."""
    keep: list[NDArray[np.int64]] = []
    for number, dataset in enumerate(faces.datasets):
        here = np.flatnonzero(faces.where[:, 0] == number)
        sitters = {faces.names[label][1] for label in np.unique(faces.labels[here])}
        # Whoever is in the test subset there is tested, whichever fold this training leaves out.
        others = [replace(seats[other], fold=None) for other in recipe.tested_in[dataset]]
        elsewhere = (name for other in others for name in other.sitters_in(*TESTED))
        left_out = tested(sitters, elsewhere, dataset, recipe.name)
        own = np.array([name not in left_out for _, name in faces.names])
        keep.append(here[own[faces.labels[here]]])
    rows = np.sort(np.concatenate(keep))
    if not len(rows):
        raise SitterError(
            f"models.{recipe.name}.centre: all train sitters of {', '.join(faces.datasets)} are tested in other data "
            "sets, so no face is left for the mean: set centre: false, or name other data sets in train_on."
        )
    return faces.select(rows)


def _names(who: list[_Who]) -> set[tuple[str, str]]:
    return {names[code] for names, codes in who for code in np.unique(codes)}


def _labels(who: list[_Who]) -> tuple[NDArray[np.int64], tuple[tuple[str, str], ...]]:
    """Return the number of each image's sitter, in the order of the names, and the names."""
    ordered = tuple(sorted(_names(who)))
    number = {name: i for i, name in enumerate(ordered)}
    of = [np.array([number.get(n, -1) for n in names], dtype=np.int64)[codes] for names, codes in who]
    return np.concatenate(of), ordered
