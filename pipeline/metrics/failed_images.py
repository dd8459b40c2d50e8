"""The test images in which no usable face was found, from `faces.csv` and the split of a data set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from pipeline.metrics.result import Embedded
from pipeline.store.accounts import ALIGNED
from pipeline.store.splits import UNIDENTIFIED, UNUSED

Row = Mapping[str, str]
DROPPED = "dropped"
"""The status of an image that a person has taken out: it is no failure."""


def failed_images(
    dataset: str, account: Iterable[Row], split: Mapping[str, Row], picture: Callable[[Row], str], paired: bool
) -> Embedded | None:
    """Return the images of test sitters that have no usable face, without vectors.

    An image without a face has no row in the split. It counts if all images of its sitter that have a face are test
    images (or unused), or if the data set is only a test set and none of its sitter's images has a face. Of several
    renderings of one photograph the first counts, as elsewhere. An image that a person has dropped does not count.
    Return None if the sitter of such an image is both in the test and in another subset, because the image's subset is
    then unknown.

    Args:
        dataset: name of the data set.
        account: rows of `faces.csv`.
        split: rows of `split.csv` by image id.
        picture: returns the name of the picture that an image of this data set shows, from its row.
        paired: whether the data set comes with pairs; then only images in these pairs count.
    """
    subsets: dict[str, set[str]] = {}
    folds: dict[str, int] = {}
    for row in split.values():
        if row["subset"] != UNIDENTIFIED:
            subsets.setdefault(row["sitter"], set()).add(row["subset"])
        if row["subset"] == "test":
            folds[row["sitter"]] = int(row.get("fold") or 0)
    only_test = {s for found in subsets.values() for s in found} <= {"test", UNUSED}
    failed = []
    for row in account:
        if row["status"] in (ALIGNED, DROPPED) or not row["sitter"] or row.get("rendering") not in (None, "", "0"):
            continue
        among = subsets.get(row["sitter"], {"test"} if only_test else set())
        if "test" not in among or (paired and not row.get("pairs")):
            continue
        if not among <= {"test", UNUSED}:
            return None
        failed.append(row)
    return Embedded(
        dataset,
        [row["image_id"] for row in failed],
        [row["sitter"] for row in failed],
        [picture(row) for row in failed],
        np.empty((len(failed), 0), np.float32),
        [folds.get(row["sitter"], 0) for row in failed],
    )


def joined(faceless: Embedded | None, failed: Embedded) -> Embedded:
    """Return the images without a usable face together with the images on which a model failed."""
    if faceless is None:
        return failed
    return Embedded(
        failed.dataset,
        [*faceless.image_ids, *failed.image_ids],
        [*faceless.sitters, *failed.sitters],
        [*faceless.origins, *failed.origins],
        np.empty((len(faceless) + len(failed), 0), np.float32),
        [*faceless.folds, *failed.folds],
    )
