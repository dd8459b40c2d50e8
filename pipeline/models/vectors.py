"""Embed single faces that are in no face store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch

from pipeline.core.numbers import Singles
from pipeline.core.pixels import RGBImage
from pipeline.models.load import Embedder

BATCH = 32


def vectors_of(embedder: Embedder, crops: Sequence[RGBImage], landmarks: Sequence[Singles]) -> Singles:
    """Return the vectors of faces in the form of `read_embeddings`, float32 [n, dim], with mirrored images added.

    Args:
        embedder: the model.
        crops: uint8 [112, 112, 3] each, RGB.
        landmarks: float32 [5, 2] each, in pixels of the crop.
    """
    found = [np.zeros((0, embedder.dim), np.float32)]
    with torch.inference_mode():
        for start in range(0, len(crops), BATCH):
            stop = start + BATCH
            faces = zip(crops[start:stop], landmarks[start:stop], strict=True)
            x = torch.stack([embedder.prepare(crop, points) for crop, points in faces]).to(embedder.device)
            x = x.contiguous(memory_format=torch.channels_last)
            ways = (x, x.flip(3)) if embedder.mirror else (x,)
            found.append(cast(Singles, sum(embedder.module(way).float() for way in ways).cpu().numpy()))
    return np.concatenate(found)
