"""Gated fusion: the weight of each model is decided image by image, from the models' vectors of this image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from pipeline.fusions.learned import Learned, Net
from pipeline.params.fusions.gated import GatedOptions


class Gate(Net):
    """Unit vectors times √w, concatenated; w = softmax of two layers on all vectors (gated units: Arevalo et al. 2017,
    arXiv 1702.01992). The cosine of images a and b is Σ √(wᵢ(a) wᵢ(b)) cosᵢ."""

    def __init__(self, dims: Sequence[int], hidden: int, dropout: float) -> None:
        super().__init__(dims, dropout)
        self.first = nn.Linear(sum(dims), hidden)
        self.last = nn.Linear(hidden, len(dims))
        nn.init.zeros_(self.last.weight)  # at the start, the same weights for every image
        nn.init.zeros_(self.last.bias)

    def weights(self, units: Sequence[Tensor]) -> Tensor:
        """Return the weights [n, k]; see `Net`."""
        hidden = torch.tanh(self.first(torch.cat(self.seen(units), 1)))
        return cast(Tensor, (self.base + self.last(hidden)).softmax(1))

    def forward(self, units: Sequence[Tensor]) -> Tensor:
        """Return the fused vectors [n, d_1 + … + d_k]; see `Net`."""
        roots = self.weights(units).clamp_min(1e-12).sqrt()
        return nn.functional.normalize(torch.cat([roots[:, m, None] * u for m, u in enumerate(units)], 1))


class Gated(Learned):
    """Concatenation with weights that depend on the image, given by a small network."""

    name = "gated"

    def __init__(self, options: GatedOptions) -> None:
        super().__init__(options)
        self.hidden = options.hidden

    def network(self, dims: Sequence[int]) -> Net:
        """Return the gating network."""
        return Gate(dims, self.hidden, self.dropout)
