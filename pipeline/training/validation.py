"""The equal error rate of a network on the val sitters, which chooses the epoch to keep."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.core.errors import SitterError
from pipeline.core.numbers import rounded
from pipeline.metrics.verification import eer, roc, tally
from pipeline.training.features import Inputs


@torch.no_grad()
def val_eer(embed: nn.Module, val: Inputs, epoch: int) -> float:
    """Return the equal error rate of the cosines of all pairs of val faces; NaN without genuine or impostor pairs.

    Args:
        embed: the network in evaluation mode, from inputs to vectors.
        val: the inputs of the val faces; if mirrored faces are wanted, a face's vector is the sum of both vectors.
        epoch: the number of the epoch, for the message.

    Raises:
        SitterError: a vector is not finite.
    """
    labels = val.dataset.faces.labels
    if not len(labels):
        return math.nan
    ways = 2 if val.mirrored else 1
    vectors = sum(torch.cat([embed(x).float() for x in val.in_order(bool(m))]) for m in range(ways))
    assert isinstance(vectors, Tensor)
    if not torch.isfinite(vectors).all():
        raise SitterError(
            f"training diverged: after epoch {epoch}, vectors of val faces are not finite. "
            "Lower training.lr, set training.clip or use precision fp32."
        )
    units = nn.functional.normalize(vectors.cpu().double()).numpy()  # single precision cannot tell cosines near 1 apart
    pairs = np.triu(np.ones((len(labels), len(labels)), dtype=bool), 1)
    scores, same = rounded(units @ units.T)[pairs], (labels[:, None] == labels)[pairs]
    return eer(roc(tally(scores[same], scores[~same])))[0]


def lacking(labels: NDArray[np.int64]) -> str:
    """Return why the val faces have no equal error rate, from their sitters [n]; empty if they have one."""
    images = np.bincount(labels) if len(labels) else np.zeros(0, dtype=np.int64)
    sitters = int((images > 0).sum())
    if not sitters:
        return "there are no val sitters"
    if images.max() < 2:
        return f"the {sitters} val sitters have one image each, so there is no genuine pair"
    return "all val images are of one sitter, so there is no impostor pair" if sitters < 2 else ""


def check_patience(model: str, patience: int | None, labels: NDArray[np.int64], datasets: Sequence[str]) -> str:
    """Return the text of `lacking`; with a patience, which needs an error rate, raise it as an error.

    Raises:
        SitterError: there is a patience, but the val faces have no equal error rate.
    """
    why = lacking(labels)
    if why and patience is not None:
        raise SitterError(
            f"models.{model}: patience is {patience}, but no epoch can be judged: in {', '.join(datasets)}, {why}. Set "
            "patience: null, or give split.….val a share with at least two sitters, one of them with two images (and "
            "make val_images large enough for them)."
        )
    return why
