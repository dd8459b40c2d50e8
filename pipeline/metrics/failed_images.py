"""The test images in which no usable face was found, from `faces.csv` and the split of a data set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from pipeline.metrics.result import Embedded
from pipeline.store.accounts import ALIGNED, AccountedImage
from pipeline.store.splits import TESTED, UNIDENTIFIED, UNUSED, Seated

DROPPED = "dropped"
"""The status of an image that a person has taken out: it is no failure."""


def failed_images(
    dataset: str,
    account: Iterable[AccountedImage],
    split: Mapping[str, Seated],
    picture: Callable[[AccountedImage], str],
    paired: bool,
) -> Embedded | None:
    """Return the images of test sitters that have no usable face, without vectors.

    An image without a face has no row in the split. It counts if all images of its sitter that have a face are test
    images (or unused), or if the data set is only a test set and none of its sitter's images has a face. Of several
    renderings of one photograph the first counts, as elsewhere. An image that a person has dropped does not count.
    Return None if the sitter of such an image is both in the test and in another subset, because the image's subset is
    then unknown.

    Args:
        dataset: name of the data set.
        account: the images of the account.
        split: the images of the split, by image id.
        picture: returns the name of the picture that an image of this data set shows.
        paired: whether the data set comes with pairs; then only images in these pairs count.
    """
    subsets: dict[str, set[str]] = {}
    folds: dict[str, int] = {}
    for seated in split.values():
        if seated.subset != UNIDENTIFIED:
            subsets.setdefault(seated.sitter, set()).add(seated.subset)
        if seated.subset in TESTED:
            folds[seated.sitter] = seated.fold
    only_test = {s for found in subsets.values() for s in found} <= {"test", UNUSED}
    failed = []
    for image in account:
        if image.status in (ALIGNED, DROPPED) or not image.sitter or image.rendering not in ("", "0"):
            continue
        among = subsets.get(image.sitter, {"test"} if only_test else set())
        if "test" not in among or (paired and not image.pairs):
            continue
        if not among <= {"test", UNUSED}:
            return None
        failed.append(image)
    return Embedded(
        dataset,
        [image.image_id for image in failed],
        [image.sitter for image in failed],
        [picture(image) for image in failed],
        np.empty((len(failed), 0), np.float32),
        [folds.get(image.sitter, 0) for image in failed],
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
