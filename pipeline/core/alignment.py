"""Brings a face with five landmarks to a fixed position, by similarity transforms to templates."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.core.numbers import Floats
from pipeline.core.pixels import RGBImage


@dataclass(frozen=True, eq=False)
class Template:
    """The places where a network expects the landmarks.

    points: float32 [5, 2], x and y of left eye, right eye, nose, left and right mouth corner (image left first).
    size: width and height of the face in pixels.
    """

    points: NDArray[np.float32]
    size: int


# InsightFace, `face_align.arcface_dst`.
ARCFACE = Template(
    np.array(
        [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]],
        np.float32,
    ),
    112,
)


def similarity(src: ArrayLike, dst: ArrayLike) -> Floats:
    """Return the similarity transforms (rotation, uniform scale, shift) that map points to others by least squares.

    Umeyama, "Least-squares estimation of transformation parameters between two point patterns" (PAMI 1991), which in
    the plane, where a similarity is multiplication by a complex number, needs no singular value decomposition.

    Args:
        src: [..., n, 2] points; leading dimensions are a batch.
        dst: [..., n, 2] the points to map them to.

    Returns:
        float64 [..., 2, 3]: y = M[:, :2] @ x + M[:, 2]. Points that all coincide give NaN.
    """
    a, b = (np.asarray(points, np.float64) @ (1, 1j) for points in (src, dst))
    a_mean, b_mean = a.mean(-1, keepdims=True), b.mean(-1, keepdims=True)
    a, b = a - a_mean, b - b_mean
    with np.errstate(invalid="ignore", divide="ignore"):
        turn = (a.conj() * b).sum(-1) / (abs(a) ** 2).sum(-1)
    shift = b_mean[..., 0] - turn * a_mean[..., 0]
    rows = (turn.real, -turn.imag, shift.real), (turn.imag, turn.real, shift.imag)
    return np.stack([np.stack(np.broadcast_arrays(*row), -1) for row in rows], -2)


def apply(transform: ArrayLike, points: ArrayLike) -> Floats:
    """Return points [..., n, 2] moved by transforms [..., 2, 3]."""
    m = np.asarray(transform, np.float64)
    moved: Floats = np.asarray(points, np.float64) @ np.swapaxes(m[..., :2], -1, -2) + m[..., None, :, 2]
    return moved


def warp(image: RGBImage, transform: ArrayLike, size: int) -> RGBImage:
    """Return an image warped by a transform [2, 3], bilinear, black outside: uint8 [size, size, 3]."""
    m = np.asarray(transform, np.float64)
    return np.asarray(cv2.warpAffine(image, m, (size, size), flags=cv2.INTER_LINEAR, borderValue=0.0), np.uint8)


def align(image: RGBImage, landmarks: ArrayLike, template: Template = ARCFACE) -> RGBImage:
    """Return the face with these landmarks ([5, 2], in pixels of the image), aligned to a template.

    With `ARCFACE` this is InsightFace's `norm_crop`.
    """
    return warp(image, similarity(landmarks, template.points), template.size)


def crop_landmarks(landmarks: ArrayLike, template: Template = ARCFACE) -> NDArray[np.float32]:
    """Return an image's landmarks [..., 5, 2] as they lie in the crop that `align` makes of it: float32 [..., 5, 2]."""
    return apply(similarity(landmarks, template.points), landmarks).astype(np.float32)


def realign(crop: RGBImage, landmarks: ArrayLike, template: Template) -> RGBImage:
    """Return a stored crop aligned to another template; its landmarks [5, 2] are given in its own pixels.

    For `ARCFACE` itself the crop is returned unchanged.
    """
    return align(crop, landmarks, template)
