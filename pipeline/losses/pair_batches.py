"""Pairs of images of one sitter, each sitter at most once in a batch: the sampler of "ArcFace vs InfoNCE"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import SitterError
from pipeline.losses.samplers import Batches


class PairBatches(Batches):
    """Batches of `pairs` genuine pairs, each of another sitter; an epoch contains nearly every image once.

    An epoch shuffles each sitter's images and groups them into pairs; if their number is odd, one image is left out.
    Round r takes the r-th pair of every sitter with at least r pairs. Each round is shuffled and cut into batches; an
    incomplete last batch is dropped. The batches of all rounds are then shuffled.

    The code behind "Face Verification: ArcFace vs InfoNCE" does the same (github.com/enazari/ArcFace-vs-InfoNCE).
    """

    def __init__(self, labels: Sequence[int] | NDArray[np.int64], pairs: int, **further: Any) -> None:
        """Check that batches can be made.

        Args:
            labels: the sitter of each image, 0 … n − 1, in the order of the training set.
            pairs: number of pairs in a batch.
            further: see `Batches`.

        Raises:
            SitterError: too few sitters have two images to fill a batch, or a process would get no pair.
        """
        super().__init__(labels, **further)
        self.pairs = pairs
        self._pairs_of = np.bincount(self.labels) // 2 if len(self.labels) else np.zeros(0, np.int64)
        rounds = range(int(self._pairs_of.max(initial=0)))
        self._dealt = sum(int((self._pairs_of > number).sum()) // pairs for number in rounds)
        if not self._dealt:
            raise SitterError(
                f"{(self._pairs_of > 0).sum()} sitters have two training images or more, too few for a batch of "
                f"{pairs} pairs of different sitters. Lower training.batch, or train on more images."
            )
        self.check_shared_out(pairs, "pairs", "batch")

    @property
    def dealt(self) -> int:
        """Number of batches in an epoch."""
        return self._dealt

    def _deal(self, seed: int, epoch: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the pairs of an epoch, int64 [pairs of all batches, 2], and where each batch starts."""
        rng = np.random.default_rng([seed, epoch])
        order = np.lexsort((rng.random(len(self.labels)), self.labels))  # sitter by sitter, with shuffled images
        first = np.searchsorted(self.labels[order], np.arange(len(self._pairs_of)))
        number = np.arange(self._pairs_of.sum()) - np.repeat(np.cumsum(self._pairs_of) - self._pairs_of, self._pairs_of)
        place = np.repeat(first, self._pairs_of) + 2 * number
        pairs = order[np.stack([place, place + 1], axis=1)]
        by_round = np.lexsort((rng.random(len(pairs)), number))
        size = np.bincount(number)
        within = np.arange(len(pairs)) - np.repeat(np.cumsum(size) - size, size)
        whole = within < np.repeat(size // self.pairs * self.pairs, size)
        batches = pairs[by_round[whole]].reshape(self._dealt, self.pairs, 2)
        return rng.permutation(batches).reshape(-1, 2), np.arange(self._dealt + 1) * self.pairs
