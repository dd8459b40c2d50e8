"""Decoding RetinaFace: anchors, boxes and landmarks (Deng et al., "RetinaFace", CVPR 2020)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from pipeline.core.numbers import Singles

STRIDES = (8, 16, 32)
SIZES = ((16, 32), (64, 128), (256, 512))
# Variances of the offsets of the centre, and of the logarithm of the size.
VARIANCES = (0.1, 0.2)


@lru_cache(maxsize=16)
def anchors(height: int, width: int) -> Singles:
    """Return the anchors of a picture: float32 [n, 3], centre x and y and side in pixels, in the network's order."""
    found = []
    for stride, sizes in zip(STRIDES, SIZES, strict=True):
        rows, columns = -(-height // stride), -(-width // stride)
        y, x, side = np.meshgrid(np.arange(rows) + 0.5, np.arange(columns) + 0.5, sizes, indexing="ij")
        found.append(np.stack([x * stride, y * stride, side], -1).reshape(-1, 3))
    return np.concatenate(found).astype(np.float32)


def decode(
    offsets: Singles,
    scores: Singles,
    landmarks: Singles,
    shape: tuple[int, ...],
    threshold: float,
    overlap: float = 0.4,
) -> tuple[Singles, Singles, Singles]:
    """Decode faces from a network's outputs.

    Args:
        offsets: [n, 4], offsets of the box centres and log sizes.
        scores: [n], the network's confidence that each anchor is a face.
        landmarks: [n, 10], offsets of the landmarks.
        shape: height and width of the picture in pixels.
        threshold: faces with a lower score are dropped.
        overlap: of two faces with a larger intersection over union, the better one stays.

    Returns:
        boxes [k, 4], landmarks [k, 5, 2] in pixels (not rounded), scores [k]; best first.
    """
    chosen = np.flatnonzero(scores >= threshold)
    chosen = chosen[np.argsort(-scores[chosen], kind="stable")]
    anchor = anchors(shape[0], shape[1])[chosen]
    centre, side = anchor[:, None, :2], anchor[:, None, 2:]
    middle = centre[:, 0] + offsets[chosen, :2] * VARIANCES[0] * side[:, 0]
    half = np.exp(offsets[chosen, 2:] * VARIANCES[1]) * side[:, 0] / 2
    boxes = np.concatenate([middle - half, middle + half], 1)
    points = centre + landmarks[chosen].reshape(-1, 5, 2) * VARIANCES[0] * side
    keep = suppress(boxes, overlap)
    return boxes[keep], points[keep], scores[chosen][keep]


def suppress(boxes: Singles, overlap: float) -> list[int]:
    """Return the indices of the boxes ([n, 4], best first) that overlap no better box by more than this."""
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    keep: list[int] = []
    left = np.arange(len(boxes))
    while len(left):
        best, left = left[0], left[1:]
        keep.append(int(best))
        shared = np.minimum(boxes[left, 2:], boxes[best, 2:]) - np.maximum(boxes[left, :2], boxes[best, :2])
        shared_area = shared.clip(0).prod(1)
        left = left[shared_area <= overlap * (areas[left] + areas[best] - shared_area)]
    return keep
