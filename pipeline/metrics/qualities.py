"""The quality of images, which says how far to trust each of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pipeline.core.numbers import Floats
from pipeline.metrics.result import Context, Embedded


def quality(context: Context, images: Embedded, name: str) -> Floats:
    """Return the quality of each image: [n], finite.

    Args:
        context: has the columns.
        images: images of one data set.
        name: `norm` (the length of the vector), `size` (of the face in the picture: the root of its box's area, in
            pixels), `score` (of the detector), or another column of numbers.

    Raises:
        SitterError: there is no such column.
        Unjudged: the model has no vectors.
        ValueError: the column holds no number for an image.
    """
    if name == "norm":
        lengths: Floats = np.linalg.norm(images.vectors.astype(np.float64), axis=1)
        return lengths
    if name == "size":
        x0, y0, x1, y1 = (_numbers(context.column(images.dataset, c), images) for c in ("x0", "y0", "x1", "y1"))
        return np.sqrt(np.maximum((x1 - x0) * (y1 - y0), 0))
    return _numbers(context.column(images.dataset, name), images)


def _numbers(column: Mapping[str, str], images: Embedded) -> Floats:
    found = np.empty(len(images))
    for n, image_id in enumerate(images.image_ids):
        try:
            found[n] = float(column[image_id])
        except (KeyError, ValueError):
            raise ValueError(f"the value of image {image_id!r} is {column.get(image_id, '')!r}") from None
    if not np.isfinite(found).all():
        raise ValueError("a value is not finite")
    return found
