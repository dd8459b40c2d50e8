"""Batches, and what every sampler does: the images of a batch are a pure function of (seed, epoch, position).

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
