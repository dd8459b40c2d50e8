"""The parts of two faces that are compared: signs of low frequencies, and small patches blind to tone and lighting."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.numbers import Singles
from pipeline.core.pixels import RGBImage

HASH = 16
COARSE = 28


def sketch(crop: RGBImage) -> tuple[NDArray[np.int8], Singles]:
    """Return the perceptual hash of a crop (int8 [255], ±1) and its patch (unit vector, float32 [576])."""
    own = grey(crop)
    return perceptual_hash(own), unit(contrast(reduced(own, COARSE, 1.0))[2:-2, 2:-2])


def perceptual_hash(grey: Singles) -> NDArray[np.int8]:
    """Return the pHash of a grey image (float32 [height, width]): int8 [255] of ±1."""
    spectrum = cv2.dct(cv2.resize(grey, (32, 32), interpolation=cv2.INTER_AREA))[:HASH, :HASH].reshape(-1)[1:]
    return np.where(spectrum > np.median(spectrum), 1, -1).astype(np.int8)


def grey(crop: RGBImage) -> Singles:
    """Convert a crop to grey, float32 [112, 112]."""
    return cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32)


def reduced(grey: Singles, size: int, blur: float) -> Singles:
    """Reduce a grey image to [size, size] and blur it by a Gaussian with this standard deviation in the new pixels."""
    small = cv2.resize(grey, (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(small, (0, 0), blur), np.float32)


def contrast(image: Singles) -> Singles:
    """Return the local contrast: pixel minus neighbourhood's mean, over its deviation plus 4 grey levels for noise."""
    centred = image - cv2.GaussianBlur(image, (0, 0), 4)
    return np.asarray(centred / (np.sqrt(cv2.GaussianBlur(centred * centred, (0, 0), 4)) + 4), np.float32)


def unit(image: Singles) -> Singles:
    """Return an image as a vector of mean 0 and length 1 (or 0 where it is flat)."""
    vector = (image - image.mean()).reshape(-1)
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-6), np.float32)
