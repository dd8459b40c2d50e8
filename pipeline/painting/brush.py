"""Brushwork: what a loaded brush does to an image, following the form."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.random import Generator

from pipeline.painting.arrays import REFLECT, Image, blur, box, first_three, luminance, rgb_of, sample
from pipeline.painting.surface import standardised

Flow = tuple[Image, Image]


def kuwahara(image: Image, radius: float) -> Image:
    """Apply the generalised Kuwahara filter to an image [h, w, 3]: patches of even paint with crisp borders.

    Each pixel takes the mean of the windows around it, weighted by variance^−4 (Papari, Petkov and Campisi,
    2007, with eight square windows in place of sectors).
    """
    grey = luminance(image)
    means = box(image, radius / 2)
    variance = np.maximum(box(grey * grey, radius / 2) - np.square(luminance(means)), 0) + np.float32(2e-4)
    weights = np.square(np.square(np.float32(1e-3) / variance))
    # The windows of all pixels are weighted at once, then gathered from the eight places around each pixel.
    step, diagonal = max(round(radius / 2), 1), max(round(0.35 * radius), 1)
    gather = np.zeros((2 * step + 1, 2 * step + 1), np.float32)
    gather[[step, step, 0, -1], [0, -1, step, step]] = 1
    for y in (step - diagonal, step + diagonal):
        gather[y, [step - diagonal, step + diagonal]] = 1
    total = cv2.filter2D(cv2.merge([means * rgb_of(weights), weights]), -1, gather, borderType=REFLECT)
    return first_three(total) / rgb_of(total[..., 3])


def drag(image: Image, flow: Flow, length: float, steps: int = 5) -> Image:
    """Smear the image [h, w] or [h, w, 3] by `length` pixels each way along the flow (line integral convolution)."""
    down, across = flow
    grid: Image = np.indices(down.shape, np.float32)
    total: Image = image.copy()
    for sign in (np.float32(length / steps), np.float32(-length / steps)):
        y, x, dy, dx = grid[0], grid[1], down, across
        for step in range(steps):
            y, x = y + sign * dy, x + sign * dx
            total += sample(image, y, x)
            if step + 1 < steps:
                ahead = [cv2.remap(f, x, y, cv2.INTER_NEAREST, borderMode=REFLECT) for f in flow]
                # The field has no sign, so keep the direction of the last step.
                turned = np.copysign(np.float32(1), ahead[0] * dy + ahead[1] * dx)
                dy, dx = ahead[0] * turned, ahead[1] * turned
    return total / np.float32(2 * steps + 1)


def bristles(rng: Generator, flow: Flow, width: float, length: float) -> Image:
    """Return the marks [h, w] of a brush's hairs along the flow; zero mean, unit deviation."""
    grain = rng.standard_normal(flow[0].shape, dtype=np.float32)
    return standardised(drag(blur(grain, width / 2), flow, length))


def strokes(
    rng: Generator, colour: Image, flow: Flow, sizes: Sequence[float], detail: Image, jitter: float
) -> tuple[Image, Image]:
    """Paint an image [h, w, 3] with single strokes, broad ones first (after Hertzmann, 1998).

    Finer layers are set only where `detail` [h, w] (a probability) asks for them.

    Returns:
        The painted image and the height of the paint [h, w], 0…1.
    """
    height, width = detail.shape
    ground = np.dstack([blur(colour, sizes[0]), np.full(detail.shape, 0.3, np.float32)])
    canvas = np.ascontiguousarray((ground * 255).astype(np.uint8))
    for layer, size in enumerate(sizes):
        step = (1.0 if layer else 0.8) * size
        y, x = np.meshgrid(np.arange(0, height, step), np.arange(0, width, step), indexing="ij")
        points = np.stack([y.ravel(), x.ravel()], 1).astype(np.float32)
        points += rng.uniform(-0.5, 0.5, points.shape).astype(np.float32) * np.float32(step)
        np.clip(points, 0, [height - 1, width - 1], out=points)
        at = points.astype(np.int32)
        if layer:
            points = points[rng.random(len(at), dtype=np.float32) < detail[at[:, 0], at[:, 1]] * (1.15 - 0.1 * layer)]
        points = points[rng.permutation(len(points))]
        at = points.astype(np.int32)
        reference = blur(colour, 0.35 * size)[at[:, 0], at[:, 1]]
        value = rng.normal(0, jitter, (len(at), 1)) + rng.normal(0, 0.5 * jitter, (len(at), 3))
        load = rng.uniform(0.25, 1, (len(at), 1))
        paint = np.hstack([reference * (1 + value), load]).clip(0, 1) * 255
        paths = np.rint(_paths(points, flow, 1.1 * size, 2 if layer < 2 else 1)[..., ::-1] * 8).astype(np.int32)
        thickness = np.maximum(np.rint(size * rng.uniform(0.75, 1.1, len(at))), 1).astype(int).tolist()
        for path, tint, thick in zip(paths, paint.tolist(), thickness, strict=True):
            cv2.polylines(canvas, [path], False, tint, thick, cv2.LINE_AA, 3)
    painted = canvas.astype(np.float32) / 255
    return first_three(painted), cv2.extractChannel(painted, 3)


def _paths(points: Image, flow: Flow, reach: float, steps: int) -> Image:
    """Return polylines [n, 2·steps + 1, 2] (row, column) through the points along the flow, `reach` pixels each way."""
    limit = np.array(flow[0].shape, np.float32) - 1
    halves = []
    for sign in (-1, 1):
        here, heading, half = points, None, []
        for _ in range(steps):
            at = np.clip(here, 0, limit).astype(np.int32)
            move = np.stack([flow[0][at[:, 0], at[:, 1]], flow[1][at[:, 0], at[:, 1]]], 1)
            if heading is not None:
                move *= np.sign((move * heading).sum(1, keepdims=True) + np.float32(1e-6))
            else:
                move = move * np.float32(sign)
            heading = move
            here = here + move * np.float32(reach / steps)
            half.append(here)
        halves.append(half)
    return np.stack([*halves[0][::-1], points, *halves[1]], 1)
