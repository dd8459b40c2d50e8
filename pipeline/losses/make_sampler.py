"""The sampler for the settings of a training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.losses.pair_batches import PairBatches
from pipeline.losses.samplers import Batches, SitterBatches
from pipeline.losses.shuffled_batches import ShuffledBatches

if TYPE_CHECKING:
    from pipeline.params.train import Training


def make_sampler(training: Training, labels: NDArray[np.int64], rank: int = 0, world: int = 1) -> Batches:
    """Return the sampler that makes batches of some faces.

    Args:
        training: the checked settings; a sampler of whole batches has `batch`.
        labels: int64 [n], the sitter of each face.
        rank, world: number of this process, and number of all processes.

    Raises:
        SitterError: no batch can be made of these faces, or a process would get no part of a batch.
    """
    mirror, per_process = training.mirror, training.batch_per == "process"
    if training.sampler == "sitters":
        return SitterBatches(
            labels, training.sitters, training.images, mirror=mirror, rank=rank, world=world, per_process=per_process
        )
    assert training.batch is not None, "checked with the study"
    if training.sampler == "pairs":
        return PairBatches(labels, training.batch // 2, mirror=mirror, rank=rank, world=world, per_process=per_process)
    return ShuffledBatches(labels, training.batch, mirror=mirror, rank=rank, world=world, per_process=per_process)
