"""CosFace: softmax over class centres with a margin in the cosine."""

from __future__ import annotations

from torch import Tensor

from pipeline.losses.margin import MarginSoftmax
from pipeline.params.losses.cosface import CosFaceOptions


class CosFace(MarginSoftmax):
    """CosFace: cross-entropy of s·cos θ_j, with s·(cos θ_y − m) for the sample's own sitter y.

    Wang et al.: CosFace: Large Margin Cosine Loss for Deep Face Recognition, CVPR 2018 (arXiv 1801.09414).
    """

    def __init__(self, dim: int, sitters: int, options: CosFaceOptions) -> None:
        super().__init__(dim, sitters, options)
        self.margin = options.margin

    def own(self, embeddings: Tensor, x: Tensor, centres: Tensor) -> Tensor:
        """Return cos θ − m, float [n]; see `MarginSoftmax`."""
        return (x * centres).sum(dim=1) - self.margin
