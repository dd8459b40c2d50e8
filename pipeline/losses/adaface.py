"""AdaFace: a margin that grows with the quality of the image, which is estimated by the length of its embedding."""

from __future__ import annotations

import torch
from torch import Tensor

from pipeline.losses.margin import MarginSoftmax, turned
from pipeline.params.losses.adaface import AdaFaceOptions


class AdaFace(MarginSoftmax):
    """AdaFace: cross-entropy of s·cos θ_j, with s·(cos(θ_y + g_angle) − g_add) for the sample's own sitter y.

    g_angle = −m·z, g_add = m·z + m, z = h·(‖x‖ − μ)/σ, clipped to −1 … 1; θ_y + g_angle is clipped to 0 … π. ‖x‖ is the
    length of the embedding and has no gradient. μ and σ are the running mean and standard deviation of the lengths in a
    batch; they start at 20 and 100 (all as in the authors' code). They are part of the loss's state, so that
    checkpoints contain them, and are computed from the whole batch, so that they are the same on all processes.

    Kim, Jain, Liu: AdaFace: Quality Adaptive Margin for Face Recognition, CVPR 2022 (arXiv 2204.00964).
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, dim: int, sitters: int, options: AdaFaceOptions) -> None:
        super().__init__(dim, sitters, options)
        self.margin, self.concentration, self.decay = options.margin, options.concentration, options.decay
        self.register_buffer("mean", torch.tensor(20.0))
        self.register_buffer("deviation", torch.tensor(100.0))

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Update μ and σ, then return the loss: float [B, D], int64 [B] → scalar of the same dtype."""
        lengths = _lengths(embeddings)
        self.mean.lerp_(lengths.mean(), 1 - self.decay)
        if len(lengths) > 1:
            self.deviation.lerp_(lengths.std(), 1 - self.decay)
        return super().forward(embeddings, labels)

    def own(self, embeddings: Tensor, x: Tensor, centres: Tensor) -> Tensor:
        """Return cos(θ + g_angle) − g_add, float [n]; see `MarginSoftmax`."""
        quality = (_lengths(embeddings) - self.mean) / (self.deviation + 1e-3) * self.concentration
        quality = quality.clamp(-1, 1)
        angle = -self.margin * quality
        cos, further = turned(x, centres, angle)
        below, beyond = (angle < 0) & (cos > angle.cos()), (angle > 0) & (cos < -angle.cos())
        return further.masked_fill(below, 1.0).masked_fill(beyond, -1.0) - self.margin * (quality + 1)


def _lengths(embeddings: Tensor) -> Tensor:
    lengths: Tensor = torch.linalg.vector_norm(embeddings.detach(), dim=1)
    return lengths.clamp(1e-3, 100)
