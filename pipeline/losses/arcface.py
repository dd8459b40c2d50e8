"""ArcFace: softmax over class centres with an angular margin."""

from __future__ import annotations

import math
from typing import Annotated

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn


class ArcFace(nn.Module):
    """ArcFace: cross-entropy of s·cos θ_j, with s·cos(θ_y + m) for the sample's own sitter y.

    θ_j is the angle of an embedding to the centre of training sitter j. Where θ_y + m would pass π, cos θ_y − m sin m
    stands in, so that the loss keeps falling with the angle (as in the authors' code).

    cos(θ + m) = cos θ cos m − sin θ sin m, with sin θ = ‖x − w‖·‖x + w‖ / 2 of the unit vectors: no arc cosine, whose
    derivative is infinite at θ = 0 and π, and no 1 − cos², which loses all digits there.

    Deng, Guo, Xue, Zafeiriou: ArcFace: Additive Angular Margin Loss for Deep Face Recognition, CVPR 2019
    (arXiv 1801.07698).
    """

    def __init__(
        self,
        dim: int,
        sitters: int,
        *,
        margin: Annotated[float, Field(ge=0, lt=1.5708, description="m of the formula, in radians.")] = 0.5,
        scale: Annotated[float, Field(gt=0, description="s of the formula.")] = 64.0,
    ) -> None:
        super().__init__()
        self.margin, self.scale = margin, scale
        self.centres = nn.Parameter(torch.randn(sitters, dim) * 0.01)

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Loss of a batch.

        Args:
            embeddings: float [B, D], not normalised.
            labels: int64 [B], positions of the training sitters' centres.

        Returns:
            scalar of the same dtype.
        """
        x, centres = F.normalize(embeddings), F.normalize(self.centres)
        cosines = x @ centres.T
        own = self._with_margin(x, centres[labels])
        logits = cosines.scatter(1, labels[:, None], own[:, None])
        return F.cross_entropy(self.scale * logits, labels)

    def _with_margin(self, x: Tensor, w: Tensor) -> Tensor:
        """cos(θ + m) of the angles between unit vectors, [B, D] each → [B]."""
        cos = (x * w).sum(dim=1)
        sin = torch.linalg.vector_norm(x - w, dim=1) * torch.linalg.vector_norm(x + w, dim=1) / 2
        turned = cos * math.cos(self.margin) - sin * math.sin(self.margin)
        return torch.where(cos > -math.cos(self.margin), turned, cos - self.margin * math.sin(self.margin))
