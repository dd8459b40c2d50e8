"""Which images make up a batch: P sitters × K images, a pure function of (seed, epoch, position).

Nothing is carried from batch to batch, so a resumed run, on whatever number of processes, meets the same batches as
one that was never stopped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import SitterError


@dataclass(frozen=True)
class Batch:
    """Images of a batch: their positions in the training set, and which of them are mirrored."""

    images: NDArray[np.int64]
    mirrored: NDArray[np.bool_]


class SitterBatches:
    """Batches of `sitters` different sitters with `images` different images of each.

    An epoch meets every image at least once. A sitter's images are dealt into groups of `images`; what is missing
    from the last group is taken from the sitter's other images, and a sitter with fewer images has one group of
    them all. Groups are dealt to the batches so that no sitter stands in one twice and the batches' sizes differ
    by at most one sitter; where few sitters have most of the images, batches hold fewer sitters than asked.

    `sitters` counts those of all processes together; process `rank` of `world` gets every `world`-th of each batch.
    """

    def __init__(
        self,
        labels: Sequence[int] | NDArray[np.int64],
        sitters: int,
        images: int,
        seed: int,
        *,
        mirror: bool = False,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        """Check that batches can be made.

        Args:
            labels: the sitter of each image, 0 … n − 1, in the order of the training set.
            sitters: sitters in a batch (P).
            images: images of a sitter in a batch (K).
            seed: of everything that is drawn.
            mirror: mirror each image with probability one half.
            rank, world: this process and how many there are.

        Raises:
            SitterError: no sitter has two images, there is one sitter only, or a process would get no sitter.
        """
        self.labels = np.asarray(labels, dtype=np.int64)
        self.sitters, self.images, self.seed, self.mirror = sitters, images, seed, mirror
        self.rank, self.world = rank, world
        counts = np.bincount(self.labels) if len(self.labels) else np.zeros(0, np.int64)
        if (counts > 0).sum() < 2:
            raise SitterError(
                f"training needs images of at least two sitters; found {(counts > 0).sum()}. "
                "Check train_on and the train share of the split."
            )
        if counts.max() < 2 or images < 2:
            raise SitterError(
                f"no batch can hold two images of a sitter: the most images of a sitter are {counts.max()}, and "
                f"training.images is {images}. Give sitters a second image, or set training.images to 2 or more."
            )
        self._groups = int(np.ceil(counts[counts > 0] / images).sum())
        self._batches = int(max(np.ceil(self._groups / sitters), np.ceil(counts.max() / images)))
        if self._groups // self._batches < world:
            raise SitterError(
                f"batches of {self._groups // self._batches} sitters cannot be shared out to {world} processes. "
                "Raise training.sitters or start fewer processes."
            )
        self._plan = lru_cache(maxsize=1)(self._deal)

    def __len__(self) -> int:
        """Batches of an epoch, the same in every epoch and on every process."""
        return self._batches

    def batch(self, epoch: int, position: int) -> Batch:
        """This process's share of the batch at a position (0 … len − 1) of an epoch, in the order of the whole."""
        whole = self.whole(epoch, position)
        if self.world == 1:
            return whole
        mine = self.owners(epoch, position) == self.rank
        return Batch(whole.images[mine], whole.mirrored[mine])

    def whole(self, epoch: int, position: int) -> Batch:
        """The batch of all processes together, the same on each of them and on however many there are."""
        dealt = self._dealt(epoch, position)
        images = dealt[dealt >= 0]
        draws = np.random.default_rng([self.seed, epoch, position]).random(len(images))
        return Batch(images, (draws < 0.5) & self.mirror)

    def owners(self, epoch: int, position: int) -> NDArray[np.int64]:
        """The process that has each image of the whole batch, int64 [B]; each process has one at least."""
        dealt = self._dealt(epoch, position)
        return np.repeat(np.arange(len(dealt)) % self.world, (dealt >= 0).sum(axis=1))

    def batches(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Batches of an epoch from a position on."""
        return (self.batch(epoch, position) for position in range(start, len(self)))

    def _dealt(self, epoch: int, position: int) -> NDArray[np.int64]:
        """Groups of a batch, int64 [sitters, images] with −1 for absent."""
        groups, start = self._plan(epoch)
        return groups[start[position] : start[position + 1]]

    def _deal(self, epoch: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Groups of an epoch, int64 [groups, images] with −1 for absent, in the order of the batches, and where each
        batch starts."""
        rng = np.random.default_rng([self.seed, epoch])
        sitters = rng.permutation(self.labels.max() + 1)  # the order in which the sitters are dealt
        place = np.argsort(sitters)[self.labels]
        order = np.lexsort((rng.random(len(self.labels)), place))  # sitter by sitter, each one's images shuffled
        counts = np.bincount(place)
        counts = counts[counts > 0]
        first = np.cumsum(counts) - counts
        groups_of = -(-counts // self.images)
        sitter = np.repeat(np.arange(len(counts)), groups_of)
        number = np.arange(len(sitter)) - np.repeat(np.cumsum(groups_of) - groups_of, groups_of)
        within = np.arange(self.images)
        slots = (number[:, None] * self.images + within) % counts[sitter, None]
        groups = np.where(within < counts[sitter, None], order[first[sitter, None] + slots], -1)
        # A sitter's groups follow each other and are at most as many as the batches: dealt round, each to another.
        batch = rng.permutation(self._batches)[np.arange(len(groups)) % self._batches]
        sizes = np.bincount(batch, minlength=self._batches)
        return groups[np.argsort(batch, kind="stable")], np.concatenate([[0], np.cumsum(sizes)])
