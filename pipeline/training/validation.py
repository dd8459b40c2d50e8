"""How well a network tells the val sitters apart, which chooses the epoch that is kept."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.errors import SitterError
from pipeline.metrics.verification import eer, roc, tally
from pipeline.training.features import Inputs


@torch.no_grad()
def val_eer(embed: nn.Module, val: Inputs, epoch: int) -> float:
    """Equal error rate over all pairs of val faces by cosine; NaN where there are no genuine or impostor pairs.

    Args:
        embed: from inputs to vectors, in evaluation mode.
        val: inputs of the val faces; where mirrored ones are wanted, a face's vector is the sum of the two.
        epoch: for the message.

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
    unit = nn.functional.normalize(vectors).cpu().numpy()
    one, other = np.triu_indices(len(labels), 1)
    scores, same = (unit @ unit.T)[one, other], labels[one] == labels[other]
    return eer(roc(tally(scores[same], scores[~same])))[0]
