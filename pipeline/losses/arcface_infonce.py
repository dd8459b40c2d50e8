"""ArcFace and InfoNCE together, as in the study that compares them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from pipeline.losses.arcface import ArcFace
from pipeline.losses.infonce import InfoNCE


class ArcFaceInfoNCE(nn.Module):
    """ArcFace + weight × InfoNCE; see there for the formulas and papers."""

    def __init__(
        self,
        dim: int,
        sitters: int,
        *,
        margin: Annotated[float, Field(ge=0, lt=1.5708, description="ArcFace's m, in radians.")] = 0.5,
        scale: Annotated[float, Field(gt=0, description="ArcFace's s.")] = 64.0,
        weight: Annotated[float, Field(ge=0, description="Of InfoNCE.")] = 0.5,
        temperature: Annotated[float, Field(gt=0, description="InfoNCE's τ.")] = 0.07,
    ) -> None:
        super().__init__()
        self.weight = weight
        self.arcface = ArcFace(dim, sitters, margin=margin, scale=scale)
        self.infonce = InfoNCE(dim, sitters, temperature=temperature)

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Loss of a batch: float [B, D] embeddings, int64 [B] labels → scalar of the same dtype."""
        total: Tensor = self.arcface(embeddings, labels) + self.weight * self.infonce(embeddings, labels)
        return total
