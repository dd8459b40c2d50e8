"""The samplers: which images come together in a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import SitterError
from pipeline.losses.batches import Batches

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
    further = {
        "mirror": training.mirror,
        "rank": rank,
        "world": world,
        "per_process": training.batch_per == "process",
    }
    if training.sampler == "sitters":
        return SitterBatches(labels, training.sitters, training.images, **further)
    assert training.batch is not None, "checked with the study"
    if training.sampler == "pairs":
        return PairBatches(labels, training.batch // 2, **further)
    return ShuffledBatches(labels, training.batch, **further)


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
        **further: Any,
    ) -> None:
        """Check that batches can be made.

        Args:
            labels: the sitter of each image, 0 … n − 1, in the order of the training set.
            sitters: number of sitters in a batch (P).
            images: number of images of a sitter in a batch (K).
            further: see `Batches`.

        Raises:
            SitterError: no sitter has two images, there is one sitter only, or a process would get no sitter.
        """
        super().__init__(labels, **further)
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
