"""The ground of a picture and the effects of time: canvas, paper, plaster, cracks, fading.

All sizes are in pixels, and all images float32 in 0…1. Everything random comes from the generator given as `rng`.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.random import Generator

from pipeline.painting.arrays import Image, blur, clip, lerp, rgb_of, shifted, smoothstep


def noise(rng: Generator, shape: tuple[int, int], scale: float | tuple[float, float], octaves: int = 1) -> Image:
    """Return smooth noise [h, w] with zero mean and unit deviation; features are `scale` pixels (down, across) wide.

    Each further octave halves the scale and the amplitude.
    """
    down, across = (max(s, 1.0) for s in (scale if isinstance(scale, tuple) else (scale, scale)))
    total: Image = np.zeros((1, 1), np.float32)
    for octave in range(octaves):
        sy, sx = max(down / 2**octave, 1.0), max(across / 2**octave, 1.0)
        size = (int(shape[0] / sy) + 4, int(shape[1] / sx) + 4)  # the outermost cells lie outside the image
        grid = rng.standard_normal(size, dtype=np.float32) * np.float32(0.5**octave)
        total = grid + cv2.resize(total, size[::-1], interpolation=cv2.INTER_CUBIC) if octave else grid
    if total.shape != shape and (down > 1 or across > 1):
        whole = (max(int(total.shape[1] * sx), shape[1] + 2), max(int(total.shape[0] * sy), shape[0] + 2))
        if min(sy, sx) > 8:  # as smooth as one cubic interpolation over all, and faster
            total = cv2.resize(total, (whole[0] // 4, whole[1] // 4), interpolation=cv2.INTER_CUBIC)
            total = cv2.resize(total, whole, interpolation=cv2.INTER_LINEAR)
        else:
            total = cv2.resize(total, whole, interpolation=cv2.INTER_CUBIC)
    y, x = (total.shape[0] - shape[0]) // 2, (total.shape[1] - shape[1]) // 2
    return standardised(total[y : y + shape[0], x : x + shape[1]])


def standardised(texture: Image) -> Image:
    """Shift and scale a texture to zero mean and unit deviation."""
    mean, deviation = (np.float32(v[0, 0]) for v in cv2.meanStdDev(texture))
    standard: Image = (texture - mean) / max(deviation, np.float32(1e-6))
    return standard


def weave(rng: Generator, shape: tuple[int, int], period: float) -> Image:
    """Return the height [h, w], about −1…1, of a plain-woven canvas; no two threads are quite equal."""
    rows, columns = np.indices(shape, np.float32)
    rows += 0.25 * period * noise(rng, shape, (4 * period, 12 * period))
    columns += 0.25 * period * noise(rng, shape, (12 * period, 4 * period))
    turn = np.float32(np.pi / period)
    threads = np.cos(rows * turn) * np.cos(columns * turn)
    uneven = noise(rng, shape, (period, 9 * period)) + noise(rng, shape, (9 * period, period))
    height: Image = 0.75 * threads + 0.3 * uneven
    return height.astype(np.float32)


def paper(rng: Generator, shape: tuple[int, int], unit: float) -> Image:
    """Return the tooth [h, w] of laid paper (zero mean, unit deviation): grain, clouds of fibre, lines of the mould."""
    rows = np.arange(shape[0], dtype=np.float32)[:, None]
    tooth = noise(rng, shape, 1.3 * unit) + 0.7 * noise(rng, shape, 2.6 * unit) + 0.3 * noise(rng, shape, 22 * unit, 2)
    tooth += 0.25 * np.sin(rows * np.float32(2 * np.pi / (4.5 * unit)))
    return standardised(tooth)


def cracks(rng: Generator, shape: tuple[int, int], cell: float, wander: float = 0.3) -> Image:
    """Return craquelure [h, w], 0…1: the borders of a warped Voronoi diagram with islands of size `cell`."""
    height, width = shape
    seeds = np.ones(shape, np.uint8)
    count = max(int(height * width / cell**2), 2)
    seeds[rng.integers(0, height, count), rng.integers(0, width, count)] = 0
    _, labels = cv2.distanceTransformWithLabels(seeds, cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL)
    rows, columns = np.indices(shape, np.float32)
    rows += wander * cell * noise(rng, shape, 0.7 * cell, 2)
    columns += wander * cell * noise(rng, shape, 0.7 * cell, 2)
    islands = cv2.remap(labels.astype(np.float32), columns, rows, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REFLECT_101)
    lines = ((islands != shifted(islands, 1, 0)) | (islands != shifted(islands, 0, 1))).astype(np.float32)
    presence = smoothstep(noise(rng, shape, 5 * cell, 2), -0.6, 0.8)  # paint cracks in places, not everywhere
    return clip(1.6 * blur(lines, 0.55) * (0.15 + 0.85 * presence))


def relief(image: Image, height: Image, amount: float, gloss: float = 0.0) -> Image:
    """Light an image [h, w, 3] from the upper left as if its surface had this height [h, w] in pixels."""
    slope = (height - shifted(height, 1, 1)) * np.float32(amount)
    slope = np.clip(slope, -0.5, 0.5)
    lit = image * rgb_of(1 + slope)
    if gloss:
        lit += rgb_of(np.float32(gloss) * np.square(np.maximum(slope, 0)))
    return clip(lit)


def vignette(shape: tuple[int, int], amount: float) -> Image:
    """Return the factor [h, w] that darkens the corners by up to `amount`."""
    y = np.linspace(-1, 1, shape[0], dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, shape[1], dtype=np.float32)[None, :]
    return 1 - np.float32(amount) * smoothstep(np.sqrt(x * x + y * y), 0.55, 1.5)


def age(image: Image, rng: Generator, strength: float, unit: float, varnish: float) -> Image:
    """Age a picture [h, w, 3]: fading, yellowed varnish, dust, and the losses of a small, compressed reproduction."""
    shape = image.shape[:2]
    dirt = noise(rng, shape, 60 * unit, 2)[..., None] * np.float32(0.02 * strength)
    yellow = np.array([1.0, 0.965, 0.84], np.float32) ** np.float32(varnish * strength * rng.uniform(0.5, 1.3))
    faded = lerp(np.float32(0.07), np.float32(0.95), image * yellow + dirt)
    image = lerp(image, faded, np.float32(strength * rng.uniform(0.4, 1.0)))
    return reproduce(clip(image), strength * rng.uniform(0.3, 1.0), unit)


def reproduce(image: Image, loss: float, unit: float) -> Image:
    """Return a small reproduction of an image [h, w, 3], enlarged again, with JPEG blocks; `loss` in 0…1."""
    height, width = image.shape[:2]
    reduce = 1 + 0.6 * loss * unit
    small = (max(round(width / reduce), 8), max(round(height / reduce), 8))
    pixels: Any = (cv2.resize(image, small, interpolation=cv2.INTER_AREA) * 255 + 0.5).astype(np.uint8)
    quality = [cv2.IMWRITE_JPEG_QUALITY, round(96 - 40 * loss)]
    pixels = cv2.imdecode(cv2.imencode(".jpg", pixels, quality)[1], cv2.IMREAD_COLOR)
    large: Image = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    return large / 255
