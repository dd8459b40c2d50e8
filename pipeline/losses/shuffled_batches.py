"""Batches of images in random order, regardless of their sitters, for losses with class centres."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import SitterError
from pipeline.losses.samplers import Batches


class ShuffledBatches(Batches):
    """All images in random order, cut into batches of `size`; an incomplete last batch is dropped."""

    def __init__(self, labels: Sequence[int] | NDArray[np.int64], size: int, **further: Any) -> None:
        """Check that batches can be made.

        Args:
            labels: the sitter of each image, 0 … n − 1, in the order of the training set.
            size: number of images in a batch.
            further: see `Batches`.

        Raises:
            SitterError: there are fewer images than a batch has, or a process would get none.
        """
        super().__init__(labels, **further)
        self.size = size
        if len(self.labels) < size:
            raise SitterError(
                f"the {len(self.labels)} training images are fewer than the {size} of a batch, so that no batch can be "
                "made (sampler shuffle drops the last, incomplete one). Lower training.batch."
            )
        self.check_shared_out(size, "images", "batch")

    @property
    def dealt(self) -> int:
        """Number of batches in an epoch."""
        return len(self.labels) // self.size

    def _deal(self, seed: int, epoch: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return groups of one image each, int64 [images, 1], and where each batch starts."""
        order = np.random.default_rng([seed, epoch]).permutation(len(self.labels))
        start = np.arange(self.dealt + 1) * self.size
        return order[: start[-1], None], start
