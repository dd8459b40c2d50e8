"""The pictures of the pages: JPEGs made from the images of the study on request."""

from __future__ import annotations

import io
from functools import lru_cache
from pathlib import Path
from threading import Lock

from PIL import Image

from pipeline.answering.faces import Box
from pipeline.core.pixels import RGBImage
from pipeline.faces.image import read_image

QUALITY = 88
WHOLE, FACE, SMALL = 1800, 640, 220
"""Longer side, in pixels, of a whole portrait, of a face cut out of it, and of a picture in a list."""
AROUND = 0.45
"""Margin around the box of a face, as a share of its sides."""
KEPT = 300
"""Number of encoded pictures in the cache."""


_one_at_a_time = Lock()
"""One picture is decoded at a time, because decoding a large painting takes gigabytes."""


@lru_cache(maxsize=KEPT)
def study_picture(path: Path, changed: int, box: Box | None, longest: int, most: float) -> bytes:
    """Return an image of the study, or the face in it, as JPEG.

    Args:
        path: path of the image.
        changed: time of the file's last change (ns), so that a changed file is read again.
        box: box of the face to cut out, in pixels; None: the whole image.
        longest: longer side in pixels; smaller images stay as they are.
        most: an image with more megapixels is refused.

    Raises:
        UnreadableImage: the image cannot be read.
    """
    with _one_at_a_time:
        return jpeg(read_image(path, most), box, longest)


def jpeg(pixels: RGBImage, box: Box | None, longest: int) -> bytes:
    """Return an image, uint8 [height, width, 3], or its part around a box, as JPEG."""
    image = Image.fromarray(pixels if box is None else cut_out(pixels, box))
    if max(image.size) > longest:
        image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=QUALITY)
    return stream.getvalue()


def cut_out(pixels: RGBImage, box: Box, around: float = AROUND) -> RGBImage:
    """Return the square around a box, as far as the image reaches: uint8 [height, width, 3]."""
    height, width = pixels.shape[:2]
    x0, y0, x1, y1 = box
    half = max(x1 - x0, y1 - y0) * (0.5 + around)
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    left, right = (min(max(round(x + side), 0), width) for side in (-half, half))
    top, bottom = (min(max(round(y + side), 0), height) for side in (-half, half))
    return pixels[top:bottom, left:right] if right - left > 1 and bottom - top > 1 else pixels
