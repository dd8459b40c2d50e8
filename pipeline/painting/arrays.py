"""Small operations on float32 images, from which painting is built; none of them promotes to float64."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[Any]  # float32 throughout: but NumPy's stubs take float32 · float for float64
REFLECT = cv2.BORDER_REFLECT_101


def clip(image: Image) -> Image:
    """Clip values to 0…1."""
    return np.clip(image, np.float32(0), np.float32(1))


def lerp(a: Image | np.float32, b: Image | np.float32, t: Image | np.float32 | float) -> Image:
    """Blend `a` (where t is 0) and `b` (where t is 1); t may be [h, w, 1] and b one colour for images [h, w, 3]."""
    share: Any = t if isinstance(t, np.ndarray) else np.float32(t)
    if share.ndim == 3 and share.shape[2] == 1:
        share = rgb_of(share[..., 0])
        if isinstance(b, np.ndarray) and b.ndim == 1:
            b = np.tile(b, (*share.shape[:2], 1))
    mixed: Image = a + (b - a) * share
    return mixed


def rgb_of(grey: Image) -> Image:
    """Repeat [h, w] three times to [h, w, 3], several times faster than NumPy's repeat along so short an axis."""
    return cv2.merge([grey] * 3)


def tinted(grey: Image, colour: tuple[float, float, float]) -> Image:
    """Return [h, w, 3]: the image [h, w] times a colour."""
    return cv2.merge([grey * np.float32(c) for c in colour])


def first_three(image: Image) -> Image:
    """Return the first three of four channels [h, w, 4]."""
    return cv2.cvtColor(image, cv2.COLOR_BGRA2BGR)


def smoothstep(x: Image, low: float, high: float) -> Image:
    """Return 0 below `low`, 1 above `high`, and a smooth cubic between."""
    t = clip((x - np.float32(low)) / np.float32(high - low))
    step: Image = t * t * (3 - 2 * t)
    return step


def blur(image: Image, sigma: float) -> Image:
    """Apply a Gaussian blur; a wide one works on a reduced image, which is as good and many times faster."""
    if sigma < 0.2:
        return image
    if sigma <= 4:
        return cv2.GaussianBlur(image, (0, 0), float(sigma), borderType=REFLECT)
    height, width = image.shape[:2]
    factor = min(sigma / 2, min(height, width) / 4)
    small = cv2.resize(image, (round(width / factor), round(height / factor)), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), float(sigma / factor), borderType=REFLECT)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def shifted(image: Image, down: int, across: int) -> Image:
    """Return the image moved by whole pixels, with its border reflected."""
    height, width = image.shape[:2]
    y, x = abs(down), abs(across)
    padded = cv2.copyMakeBorder(image, y, y, x, x, REFLECT)
    return padded[y - down : y - down + height, x - across : x - across + width]


def box(image: Image, radius: float) -> Image:
    """Return the mean over a square with sides of 2·radius + 1 pixels."""
    side = 2 * max(round(radius), 1) + 1
    return cv2.blur(image, (side, side), borderType=REFLECT)


def guided(image: Image, guide: Image, radius: float, eps: float) -> Image:
    """Smooth `image` [h, w] but keep the edges of `guide` [h, w]: the guided filter (He, Sun and Tang, 2010)."""
    mean_g, mean_i = box(guide, radius), box(image, radius)
    variance = box(guide * guide, radius) - mean_g * mean_g
    slope = (box(guide * image, radius) - mean_g * mean_i) / (variance + np.float32(eps))
    return box(slope, radius) * guide + box(mean_i - slope * mean_g, radius)


def luminance(image: Image) -> Image:
    """Return the luma (ITU-R BT.601) [h, w] of an RGB image [h, w, 3]."""
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)


def sample(image: Image, rows: Image, columns: Image) -> Image:
    """Return the image at these coordinates, bilinear, with its border reflected."""
    return cv2.remap(image, columns, rows, cv2.INTER_LINEAR, borderMode=REFLECT)
