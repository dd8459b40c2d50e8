"""ArcFace with several centres per sitter: mislabelled and unusual images gather at centres of their own."""

from __future__ import annotations

import torch
from torch import Tensor

from pipeline.losses.margin import MarginSoftmax, advanced
from pipeline.params.losses.subcentre_arcface import SubcentreArcFaceOptions


class SubcentreArcFace(MarginSoftmax):
    """Sub-centre ArcFace: ArcFace in which a sitter has K centres and θ is the angle to the nearest of them.

    Deng, Guo, Liu, Gong, Zafeiriou: Sub-center ArcFace: Boosting Face Recognition by Large-Scale Noisy Web Faces,
    ECCV 2020.
    """

    def __init__(self, dim: int, sitters: int, options: SubcentreArcFaceOptions) -> None:
        super().__init__(dim, sitters, options, options.subcentres)
        self.margin = options.margin

    def own(self, embeddings: Tensor, x: Tensor, centres: Tensor) -> Tensor:
        """Return cos(θ + m), float [n]; see `MarginSoftmax`."""
        return advanced(x, centres, self.margin)

    def cosines(self, x: Tensor, centres: Tensor) -> Tensor:
        """Return the cosines [B, c] of unit vectors [B, D] with the nearest of each sitter's centres [c, K, D]."""
        return (x @ centres.flatten(0, 1).T).view(len(x), *centres.shape[:2]).amax(dim=2)

    def nearest(self, x: Tensor, centres: Tensor) -> Tensor:
        """Return the centre out of [n, K, D] that is nearest to each vector of [n, D]."""
        best = torch.einsum("nd,nkd->nk", x.detach(), centres.detach()).argmax(dim=1)
        return centres[torch.arange(len(x), device=x.device), best]
