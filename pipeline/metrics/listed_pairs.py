"""The pairs that a data set comes with: they are checked, and joined with their images for benchmarks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from pipeline.core.errors import SitterError
from pipeline.metrics.result import Embedded, PairList

Row = Mapping[str, str]


def pair_list(
    listed: Sequence[Row], lost: Sequence[Row], elsewhere: bool, images: Callable[[list[str]], Embedded]
) -> PairList:
    """Return pairs with their images.

    Args:
        listed: rows of `pairs.csv` for which the model has both images.
        lost: rows for which it lacks an image.
        elsewhere: whether another model has lost pairs.
        images: returns the images with some ids, in the order of the ids.
    """
    image_ids = list(dict.fromkeys(r[side] for r in listed for side in ("image_a", "image_b")))
    place = {image_id: n for n, image_id in enumerate(image_ids)}
    return PairList(
        images(image_ids),
        np.array([place[r["image_a"]] for r in listed], dtype=np.int64),
        np.array([place[r["image_b"]] for r in listed], dtype=np.int64),
        np.array([r["genuine"] == "1" for r in listed], dtype=bool),
        np.array([int(r["fold"]) for r in listed], dtype=np.int64),
        np.array([r["genuine"] == "1" for r in lost], dtype=bool),
        np.array([int(r["fold"]) for r in lost], dtype=np.int64),
        elsewhere,
    )


def check_pairs(path: Path, listed: Sequence[Row], known: Mapping[str, Row]) -> None:
    """Raise SitterError if a pair names an image that is not a test image, or if a cell of its row is wrong."""
    for line, row in enumerate(listed, start=2):
        for side in ("image_a", "image_b"):
            if row[side] not in known:
                raise SitterError(f"{path}, line {line}: {side} is {row[side]!r}, which split.csv does not hold.")
            if known[row[side]]["subset"] in ("train", "val"):
                raise SitterError(
                    f"{path}, line {line}: {side} {row[side]!r} is in the subset {known[row[side]]['subset']}, which "
                    "models are made with: test on other images."
                )
        if row["genuine"] not in ("0", "1") or not row["fold"].isdigit():
            raise SitterError(
                f"{path}, line {line}: genuine is {row['genuine']!r} and fold {row['fold']!r}, but they must be 0 or 1 "
                "and a whole number."
            )
    if len({row["fold"] for row in listed}) < 2:
        raise SitterError(f"{path}: {len(listed)} pairs in fewer than two folds: thresholds are chosen on other folds.")
