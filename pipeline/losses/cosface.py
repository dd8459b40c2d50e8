"""CosFace: softmax over class centres with a margin in the cosine."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from torch import Tensor

from pipeline.losses.margin import MarginSoftmax


class CosFace(MarginSoftmax):
    """CosFace: cross-entropy of s·cos θ_j, with s·(cos θ_y − m) for the sample's own sitter y.

    Wang et al.: CosFace: Large Margin Cosine Loss for Deep Face Recognition, CVPR 2018 (arXiv 1801.09414).
    """

    def __init__(
        self,
        dim: int,
        sitters: int,
        *,
        margin: Annotated[float, Field(ge=0, lt=2, description="m of the formula.")] = 0.35,
        scale: Annotated[float, Field(gt=0, description="s of the formula.")] = 64.0,
        sample: Annotated[
            float, Field(gt=0, le=1, description="Share of the sitters in the softmax (Partial FC); 1: all.")
        ] = 1.0,
    ) -> None:
        super().__init__(dim, sitters, scale, sample)
        self.margin = margin

    def own(self, embeddings: Tensor, x: Tensor, centres: Tensor) -> Tensor:
        """cos θ − m, float [n]; see `MarginSoftmax`."""
        return (x * centres).sum(dim=1) - self.margin
