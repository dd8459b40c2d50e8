"""The pairs that a data set comes with: they are checked, and joined with their images for benchmarks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from pipeline.core.errors import SitterError
from pipeline.metrics.result import Embedded, PairList
from pipeline.store.splits import KNOWN, ListedPair, Seated


def pair_list(
    listed: Sequence[ListedPair], lost: Sequence[ListedPair], elsewhere: bool, images: Callable[[list[str]], Embedded]
) -> PairList:
    """Return pairs with their images.

    Args:
        listed: pairs for which the model has both images.
        lost: pairs for which it lacks an image.
        elsewhere: whether another model has lost pairs.
        images: returns the images with some ids, in the order of the ids.
    """
    image_ids = list(dict.fromkeys(image_id for pair in listed for image_id in pair.images))
    place = {image_id: n for n, image_id in enumerate(image_ids)}
    return PairList(
        images(image_ids),
        np.array([place[pair.image_a] for pair in listed], dtype=np.int64),
        np.array([place[pair.image_b] for pair in listed], dtype=np.int64),
        np.array([pair.genuine for pair in listed], dtype=bool),
        np.array([pair.fold for pair in listed], dtype=np.int64),
        np.array([pair.genuine for pair in lost], dtype=bool),
        np.array([pair.fold for pair in lost], dtype=np.int64),
        elsewhere,
    )


def check_pairs(path: Path, listed: Sequence[ListedPair], known: Mapping[str, Seated]) -> None:
    """Raise SitterError if a pair names an image that is not a test image, or if there are too few folds."""
    for line, pair in enumerate(listed, start=2):
        for side, image_id in zip(ListedPair._fields, pair.images, strict=False):
            if image_id not in known:
                raise SitterError(f"{path}, line {line}: {side} is {image_id!r}, which split.csv does not hold.")
            if known[image_id].subset in KNOWN:
                raise SitterError(
                    f"{path}, line {line}: {side} {image_id!r} is in the subset {known[image_id].subset}, which "
                    "models are made with: test on other images."
                )
    if len({pair.fold for pair in listed}) < 2:
        raise SitterError(f"{path}: {len(listed)} pairs in fewer than two folds: thresholds are chosen on other folds.")
