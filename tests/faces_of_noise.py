"""Crops that stand in for faces where a test needs many that are alike in kind and differ in content."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.core.pixels import RGBImage


def face(number: int) -> RGBImage:
    """uint8 [112, 112, 3]: shades at several scales, the coarsest common to all, as in aligned faces."""
    common, own = np.random.default_rng(0), np.random.default_rng([1, number])
    image = np.zeros((112, 112, 3), np.float32)
    for cells, contrast, source in ((3, 60, common), (7, 30, own), (14, 25, own), (28, 15, own), (56, 8, own)):
        noise = source.normal(0, contrast, (cells, cells, 3)).astype(np.float32)
        image += cv2.resize(noise, (112, 112), interpolation=cv2.INTER_CUBIC)
    return np.clip(image + 128, 0, 255).astype(np.uint8)
