"""ArcFace: softmax over class centres with an angular margin."""

from __future__ import annotations

from torch import Tensor

from pipeline.losses.margin import MarginSoftmax, advanced
from pipeline.params.losses.arcface import ArcFaceOptions


class ArcFace(MarginSoftmax):
    """ArcFace: cross-entropy of s·cos θ_j, with s·cos(θ_y + m) for the sample's own sitter y.

    Where θ_y + m would pass π, cos θ_y − m sin m replaces cos(θ_y + m), so that it keeps falling with the angle (as in
    the authors' code).

    Deng, Guo, Xue, Zafeiriou: ArcFace: Additive Angular Margin Loss for Deep Face Recognition, CVPR 2019
    (arXiv 1801.07698).
    """

    def __init__(self, dim: int, sitters: int, options: ArcFaceOptions) -> None:
        super().__init__(dim, sitters, options)
        self.margin = options.margin

    def own(self, embeddings: Tensor, x: Tensor, centres: Tensor) -> Tensor:
        """Return cos(θ + m), float [n]; see `MarginSoftmax`."""
        return advanced(x, centres, self.margin)
