"""ArcFace: softmax over class centres with an angular margin."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from torch import Tensor

from pipeline.losses.margin import MarginSoftmax, advanced


class ArcFace(MarginSoftmax):
    """ArcFace: cross-entropy of s·cos θ_j, with s·cos(θ_y + m) for the sample's own sitter y.

    Where θ_y + m would pass π, cos θ_y − m sin m stands in, so that the loss keeps falling with the angle (as in the
    authors' code).

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
        sample: Annotated[
            float, Field(gt=0, le=1, description="Share of the sitters in the softmax (Partial FC); 1: all.")
        ] = 1.0,
    ) -> None:
        super().__init__(dim, sitters, scale, sample)
        self.margin = margin

    def own(self, embeddings: Tensor, x: Tensor, centres: Tensor) -> Tensor:
        """cos(θ + m), float [n]; see `MarginSoftmax`."""
        return advanced(x, centres, self.margin)
