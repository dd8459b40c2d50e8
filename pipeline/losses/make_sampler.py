"""The sampler that a training's settings ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.losses.pair_batches import PairBatches
from pipeline.losses.samplers import Batches, SitterBatches
from pipeline.losses.shuffled_batches import ShuffledBatches

if TYPE_CHECKING:
    from pipeline.params.train import Training


def make_sampler(training: Training, labels: NDArray[np.int64], seed: int, rank: int = 0, world: int = 1) -> Batches:
    """Batches of the faces of these sitters.

    Args:
        training: the settings, checked: samplers of `batch` images have one.
        labels: int64 [n], the sitter of each face.
        seed: of everything that is drawn.
        rank, world: this process and how many there are.

    Raises:
        SitterError: no batch can be made of these faces, or a process would have nothing of it.
    """
    mirror, per_process = training.mirror, training.batch_per == "process"
    if training.sampler == "sitters":
        return SitterBatches(
            labels, training.sitters, training.images, seed,
            mirror=mirror, rank=rank, world=world, per_process=per_process,
        )  # fmt: skip
    assert training.batch is not None, "checked with the study"
    if training.sampler == "pairs":
        return PairBatches(
            labels, training.batch // 2, seed, mirror=mirror, rank=rank, world=world, per_process=per_process
        )
    return ShuffledBatches(labels, training.batch, seed, mirror=mirror, rank=rank, world=world, per_process=per_process)
