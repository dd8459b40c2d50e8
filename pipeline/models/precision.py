"""The precision in which a network embeds faces: lower on a GPU if the vectors stay nearly the same."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity

Precision = Literal["fp32", "fp16", "bf16"]
DTYPES: dict[str, torch.dtype] = {"fp16": torch.float16, "bf16": torch.bfloat16}
LEAST_COSINE = 0.9999
"""A lower precision is used if the vectors of a batch have at least this cosine with the vectors in float32."""
FEWEST = 16
"""Least number of faces for a comparison of precisions."""


def in_precision(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """Return a context in which a network computes in this precision."""
    return nullcontext() if precision == "fp32" else torch.autocast(device.type, DTYPES[precision])


@torch.inference_mode()
def choose_precision(network: nn.Module, faces: Tensor) -> Precision:
    """Return the fastest precision that gives nearly the same vectors of these faces as float32.

    fp16 is tried before bf16, because it is as fast and has three more bits. On a CPU, and with fewer than `FEWEST`
    faces, the precision is fp32. The vectors are compared both as they are and with their mean subtracted: if all
    vectors of a network point in nearly the same direction, a cosine of 0.9999 would hide all differences.

    Args:
        network: float32 [B, 3, S, S] → [B, D], in evaluation mode.
        faces: float32 [B, 3, S, S], normalised, on the network's device.
    """
    if faces.device.type != "cuda" or len(faces) < FEWEST:
        return "fp32"
    exact = network(faces).float()
    for precision in ("fp16", "bf16"):
        with in_precision(precision, faces.device):
            found = network(faces).float()
        if bool(found.isfinite().all()) and least_cosine(found, exact) >= LEAST_COSINE:
            return precision
    return "fp32"


def least_cosine(found: Tensor, exact: Tensor) -> float:
    """Return the lowest cosine between both vectors of a face, as they are and with the mean of `exact` subtracted.

    Args:
        found, exact: float32 [B, D].
    """
    centre = exact.mean(0)
    both = torch.cat([cosine_similarity(found, exact), cosine_similarity(found - centre, exact - centre)])
    return float(both.min())
