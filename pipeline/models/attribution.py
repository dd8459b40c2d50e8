"""Attribution: the parts of a face that decide its cosine with another face, by hidden patches or gradients.

A map says how much each pixel of the crop raises (positive) or lowers (negative) the cosine of the pair, while the
other face stays as it is. Hidden parts are replaced by a blurred copy of the same face (Fong & Vedaldi 2017), which has
the face's light and colour but none of its features. A flat patch would add edges of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from pipeline.core.alignment import ARCFACE, similarity
from pipeline.core.errors import SitterError
from pipeline.core.pixels import RGBImage
from pipeline.models.load import Embedder

HeatMap = NDArray[np.float32]
Landmarks = NDArray[np.float32]
BLUR = 10.0
"""Standard deviation of the blur, in pixels of the 112×112 crop: eyes, nose and mouth are no longer visible."""
SMOOTH = 2.0
"""Standard deviation, in pixels, of the Gaussian that smooths gradients, which otherwise fall on single pixels."""


def blurred(crop: RGBImage) -> RGBImage:
    """Return the crop without its features: uint8 [height, width, 3]."""
    return np.asarray(cv2.GaussianBlur(crop, (0, 0), BLUR, borderType=cv2.BORDER_REPLICATE), np.uint8)


def embedded(embedder: Embedder, x: Tensor) -> Tensor:
    """Return the unit vectors [B, dim] of inputs [B, 3, S, S] as the study compares them, with mirrored images."""
    vectors = embedder.module(x).float()
    if embedder.mirror:
        vectors = vectors + embedder.module(x.flip(3)).float()
    return normalize(vectors)


def vector(embedder: Embedder, crop: RGBImage, landmarks: Landmarks) -> Tensor:
    """Return the unit vector of one face, float32 [dim]."""
    with torch.no_grad():  # not inference_mode, because `gradient` uses the result
        return embedded(embedder, embedder.prepare(crop, landmarks)[None].to(embedder.device))[0]


def occlusion(
    embedder: Embedder, crop: RGBImage, landmarks: Landmarks, other: Tensor, patch: int, stride: int, batch: int
) -> HeatMap:
    """Return how far the cosine falls when a patch is hidden (Zeiler & Fergus 2014): float32 [112, 112].

    A pixel's value is the mean over the patches that cover it.

    Args:
        embedder: the model.
        crop: uint8 [112, 112, 3], RGB.
        landmarks: float32 [5, 2], in pixels of the crop.
        other: float32 [dim], the unit vector of the other face.
        patch, stride: side of the square patches, and their distance, in pixels; the last ones touch the border.
        batch: number of faces that go through the network at once.
    """
    faces = (embedder.prepare(face, landmarks) for face in hidden(crop, patch, stride))
    whole = float(vector(embedder, crop, landmarks) @ other)
    return laid_out(whole - _cosines(embedder, faces, other, batch), len(crop), patch, stride)


def _corners(size: int, patch: int, stride: int) -> list[tuple[int, int]]:
    starts = [*range(0, size - patch, stride), size - patch]
    return [(y, x) for y in starts for x in starts]


def hidden(crop: RGBImage, patch: int, stride: int) -> Iterator[RGBImage]:
    """Yield a copy of a face for each patch, with this patch hidden: uint8 [height, width, 3] each."""
    without = blurred(crop)
    for y, x in _corners(len(crop), patch, stride):
        face = crop.copy()
        face[y : y + patch, x : x + patch] = without[y : y + patch, x : x + patch]
        yield face


def laid_out(drops: NDArray[np.float64], size: int, patch: int, stride: int) -> HeatMap:
    """Return the map, float32 [size, size], of the drops of the cosine [n] for each patch, in the order of `hidden`."""
    total, count = np.zeros((size, size)), np.zeros((size, size))
    for (y, x), drop in zip(_corners(size, patch, stride), drops, strict=True):
        total[y : y + patch, x : x + patch] += drop
        count[y : y + patch, x : x + patch] += 1
    return (total / count).astype(np.float32)


def _cosines(embedder: Embedder, faces: Iterator[Tensor], other: Tensor, batch: int) -> NDArray[np.float64]:
    found: list[float] = []
    with torch.inference_mode():
        while some := list(islice(faces, batch)):
            found += (embedded(embedder, torch.stack(some).to(embedder.device)) @ other).tolist()
    return np.array(found)


def gradient(
    embedder: Embedder, crop: RGBImage, landmarks: Landmarks, other: Tensor, steps: int, batch: int
) -> tuple[HeatMap, float]:
    """Return integrated gradients of the cosine, from the blurred face to the face.

    Sundararajan et al. 2017, with the midpoint rule. The arguments are as for `occlusion`; `steps` is the number of
    steps of the integral.

    Returns:
        float32 [112, 112], smoothed, in the frame of the crop; and the sum before smoothing. For exact integrals, the
        sum is the cosine of the face minus the cosine of the blurred face.

    Raises:
        SitterError: the model has no gradients (an ONNX model, for example).
    """
    face, start = (embedder.prepare(image, landmarks).to(embedder.device) for image in (crop, blurred(crop)))
    shares = (torch.arange(steps, dtype=torch.float32) + 0.5) / steps
    total = torch.zeros_like(face)
    for part in torch.split(shares, batch):  # type: ignore[no-untyped-call]
        x = start + part.to(face.device)[:, None, None, None] * (face - start)
        x.requires_grad_(True)
        cosine = (embedded(embedder, x) @ other).sum()
        if cosine.grad_fn is None:
            raise SitterError(f"model {embedder.name} gives no gradients: set explain.method: occlusion.")
        total += torch.autograd.grad(cosine, x)[0].sum(0)
    values = (total / steps * (face - start)).sum(0).cpu().numpy()
    return _to_crop(values, embedder, landmarks, len(crop)), float(values.sum(dtype=np.float64))


def _to_crop(values: NDArray[np.float32], embedder: Embedder, landmarks: Landmarks, size: int) -> HeatMap:
    """Transform a map from the frame of the network's template to the frame of the crop, and smooth it."""
    template = embedder.prepare.template
    if template is not ARCFACE:
        transform = similarity(landmarks, template.points)  # from the crop to the template, as `realign` takes it
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        values = np.asarray(cv2.warpAffine(values, transform, (size, size), flags=flags), np.float32)
    return np.asarray(cv2.GaussianBlur(values, (0, 0), SMOOTH), np.float32)
