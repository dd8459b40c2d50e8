"""Samplers: the images of a batch are a pure function of (seed, epoch, position).

There is no state from batch to batch. So a resumed run gets the same batches as one that was never stopped, also on
another number of processes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import SitterError


@dataclass(frozen=True)
class Batch:
    """The images of a batch: their positions in the training set, and which of them are mirrored."""

    images: NDArray[np.int64]
    mirrored: NDArray[np.bool_]


class Batches(ABC):
    """Base class of samplers.

    A sampler deals the images of an epoch into groups that stay on one process, and the groups into batches. A batch is
    for all processes together: process `rank` of `world` gets every `world`-th of its groups. With `per_process`, a
    batch is for a single process, as if it trained alone: at each position, the `world` processes take `world`
    consecutive batches, so that an epoch has `world` times fewer positions.
    """

    def __init__(
        self,
        labels: Sequence[int] | NDArray[np.int64],
        *,
        mirror: bool = False,
        rank: int = 0,
        world: int = 1,
        per_process: bool = False,
    ) -> None:
        """Keep the settings of all samplers.

        Args:
            labels: the sitter of each image, 0 … n − 1, in the order of the training set.
            mirror: mirror each image with probability one half.
            rank, world: number of this process, and number of all processes.
            per_process: whether a batch is for a single process.
        """
        self.labels = np.asarray(labels, dtype=np.int64)
        self.mirror, self.rank, self.world, self.per_process = mirror, rank, world, per_process
        self._plan = lru_cache(maxsize=1)(self._deal)

    @property
    @abstractmethod
    def dealt(self) -> int:
        """Number of batches in an epoch, the same in every epoch."""

    @abstractmethod
    def _deal(self, seed: int, epoch: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the groups of an epoch in the order of the batches, int64 [groups, images] with −1 for no image, and
        where each batch starts, int64 [batches + 1]."""

    def shortfall(self) -> str:
        """Return a message if batches are much smaller than asked for: how small, why, and what to change; else ""."""
        return ""

    def check_shared_out(self, groups: int, what: str, field: str) -> None:
        """Raise SitterError if a process would get no part of a batch, or no batch.

        Args:
            groups: number of groups in the smallest batch.
            what: the word for the groups, for the message.
            field: the field of `training` that gives their number.
        """
        if self.per_process and self.dealt < self.world:
            raise SitterError(
                f"an epoch has {self.dealt} batches, too few to give each of {self.world} processes one of its own. "
                f"Lower training.{field} or start fewer processes."
            )
        if not self.per_process and groups < self.world:
            raise SitterError(
                f"batches of {groups} {what} cannot be divided among {self.world} processes. "
                f"Raise training.{field} or start fewer processes."
            )

    def __len__(self) -> int:
        """Return the number of positions in an epoch, the same in every epoch and on every process."""
        return self.dealt // self.world if self.per_process else self.dealt

    def batch(self, seed: int, epoch: int, position: int) -> Batch:
        """Return this process's part of the batch at a position (0 … len − 1) of an epoch, in the batch's order."""
        whole = self.whole(seed, epoch, position)
        if self.world == 1:
            return whole
        mine = self.owners(seed, epoch, position) == self.rank
        return Batch(whole.images[mine], whole.mirrored[mine])

    def whole(self, seed: int, epoch: int, position: int) -> Batch:
        """Return the batch of all processes together; it is the same on each of them and, unless batches are
        `per_process`, for any number of them."""
        groups = self._groups(seed, epoch, position)
        images = groups[groups >= 0]
        draws = np.random.default_rng([seed, epoch, position]).random(len(images))
        return Batch(images, (draws < 0.5) & self.mirror)

    def owners(self, seed: int, epoch: int, position: int) -> NDArray[np.int64]:
        """Return the process of each image in the whole batch, int64 [B]; each process has at least one image."""
        sizes = (self._groups(seed, epoch, position) >= 0).sum(axis=1)
        if not self.per_process:
            return np.repeat(np.arange(len(sizes)) % self.world, sizes)
        start = self._plan(seed, epoch)[1][position * self.world : (position + 1) * self.world + 1]
        return np.repeat(np.repeat(np.arange(self.world), np.diff(start)), sizes)

    def batches(self, seed: int, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Return the batches of an epoch from a position on."""
        return (self.batch(seed, epoch, position) for position in range(start, len(self)))

    def _groups(self, seed: int, epoch: int, position: int) -> NDArray[np.int64]:
        """Return the groups of all processes' batch, int64 [groups, images] with −1 for no image."""
        groups, start = self._plan(seed, epoch)
        each = self.world if self.per_process else 1
        return groups[start[position * each] : start[(position + 1) * each]]


class SitterBatches(Batches):
    """Batches of `sitters` different sitters with `images` different images of each.

    An epoch contains every image at least once. A sitter's images are dealt into groups of `images`. An incomplete last
    group is filled up with other images of the sitter; a sitter with fewer images has one group of all of them. Groups
    are dealt to the batches so that no batch contains a sitter twice and the sizes of batches differ by at most one
    sitter. If few sitters have most of the images, batches hold fewer sitters than asked for.
    """

    def __init__(
        self,
        labels: Sequence[int] | NDArray[np.int64],
        sitters: int,
        images: int,
        *,
        mirror: bool = False,
        rank: int = 0,
        world: int = 1,
        per_process: bool = False,
    ) -> None:
        """Check that batches can be made.

        Args:
            labels: the sitter of each image, 0 … n − 1, in the order of the training set.
            sitters: number of sitters in a batch (P).
            images: number of images of a sitter in a batch (K).
            mirror, rank, world, per_process: see `Batches`.

        Raises:
            SitterError: no sitter has two images, there is one sitter only, or a process would get no sitter.
        """
        super().__init__(labels, mirror=mirror, rank=rank, world=world, per_process=per_process)
        self.sitters, self.images = sitters, images
        counts = np.bincount(self.labels) if len(self.labels) else np.zeros(0, np.int64)
        if (counts > 0).sum() < 2:
            raise SitterError(
                f"training needs images of at least two sitters; found {(counts > 0).sum()}. "
                "Check train_on and the train share of the split."
            )
        if counts.max() < 2 or images < 2:
            raise SitterError(
                f"no batch can hold two images of a sitter: no sitter has more than {counts.max()}, and "
                f"training.images is {images}. Give sitters a second image, or set training.images to 2 or more."
            )
        groups = int(np.ceil(counts[counts > 0] / images).sum())
        self._batches = int(max(np.ceil(groups / sitters), np.ceil(counts.max() / images)))
        self.check_shared_out(groups // self._batches, "sitters", "sitters")

    @property
    def dealt(self) -> int:
        """Number of batches in an epoch."""
        return self._batches

    def shortfall(self) -> str:
        """Return a message if batches hold less than nine tenths of sitters × images."""
        counts = np.bincount(self.labels)
        counts = counts[counts > 0]
        groups = -(-counts // self.images)
        mean = float((groups * np.minimum(counts, self.images)).sum() / self._batches)
        asked = self.sitters * self.images
        if mean >= 0.9 * asked:
            return ""
        said = f"a batch holds {mean:.0f} images on average and not {self.sitters} × {self.images} = {asked}: "
        each = groups.sum() / self._batches  # sitters in a batch
        if len(counts) < 0.9 * self.sitters:
            return f"{said}there are only {len(counts)} sitters. Lower training.sitters, or train on more sitters."
        if each < 0.9 * self.sitters and groups.max() == self._batches:
            return (
                f"{said}one sitter has {counts.max():,} of the {counts.sum():,} images and is in every batch once, so "
                f"that {self._batches} batches share the others' images and hold {each:.0f} sitters each. Set "
                f"training.sitters to {max(2, round(each))} to match the data, or raise training.images."
            )
        few = int((counts < self.images).sum())
        if not few:
            return f"{said}{groups.sum()} groups of images fill no whole batches. Set training.sitters to {each:.0f}."
        return (
            f"{said}{few} of {len(counts)} sitters have fewer than {self.images} images. Lower training.images, or "
            "raise training.sitters."
        )

    def _deal(self, seed: int, epoch: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the groups of an epoch in the order of the batches, int64 [groups, images] with −1 for no image, and
        where each batch starts."""
        rng = np.random.default_rng([seed, epoch])
        sitters = rng.permutation(self.labels.max() + 1)  # the order in which the sitters are dealt
        place = np.argsort(sitters)[self.labels]
        order = np.lexsort((rng.random(len(self.labels)), place))  # sitter by sitter, with shuffled images
        counts = np.bincount(place)
        counts = counts[counts > 0]
        first = np.cumsum(counts) - counts
        groups_of = -(-counts // self.images)
        sitter = np.repeat(np.arange(len(counts)), groups_of)
        number = np.arange(len(sitter)) - np.repeat(np.cumsum(groups_of) - groups_of, groups_of)
        within = np.arange(self.images)
        slots = (number[:, None] * self.images + within) % counts[sitter, None]
        groups = np.where(within < counts[sitter, None], order[first[sitter, None] + slots], -1)
        # A sitter's groups are consecutive and at most as many as the batches, so each goes to another batch.
        batch = rng.permutation(self._batches)[np.arange(len(groups)) % self._batches]
        sizes = np.bincount(batch, minlength=self._batches)
        return groups[np.argsort(batch, kind="stable")], np.concatenate([[0], np.cumsum(sizes)])
