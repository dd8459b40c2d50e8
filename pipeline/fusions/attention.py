"""Attention over models: each model's vector attends to the others, and is weighted by the attention that it gets."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pipeline.fusions.learned import Learned, Net
from pipeline.params.fusions.attention import AttendedOptions


class Attention(Net):
    """One head of scaled dot-product attention (Vaswani et al. 2017, arXiv 1706.03762) over k tokens, the unit vectors.

    Token m has its own query, key, value and output maps between its length d_m and the common `rank`. With A =
    softmax(base + Q Kᵀ / √rank), the output for model m is oₘ = uₘ + Oₘ Σⱼ Aₘⱼ Vⱼ uⱼ, and its weight is the mean of
    column m of A. The fused vector concatenates oₘ / ‖oₘ‖ times the root of its weight. Queries and outputs start at
    zero.
    """

    def __init__(self, dims: Sequence[int], rank: int, dropout: float) -> None:
        super().__init__(dims, dropout)
        self.rank = rank
        self.queries, self.keys = (nn.ModuleList(nn.Linear(d, rank) for d in dims) for _ in range(2))
        self.values = nn.ModuleList(nn.Linear(d, rank, bias=False) for d in dims)
        self.outputs = nn.ModuleList(nn.Linear(rank, d, bias=False) for d in dims)
        for parameter in (*self.queries.parameters(), *self.outputs.parameters()):
            nn.init.zeros_(parameter)

    def attend(self, seen: Sequence[Tensor]) -> Tensor:
        """Return A [n, k, k]: row m has the attention that model m pays to each model."""
        q, k = _tokens(self.queries, seen), _tokens(self.keys, seen)
        return torch.softmax(self.base + q @ k.transpose(1, 2) / self.rank**0.5, 2)

    def weights(self, units: Sequence[Tensor]) -> Tensor:
        """Return the weights [n, k]; see `Net`."""
        return self.attend(self.seen(units)).mean(1)

    def forward(self, units: Sequence[Tensor]) -> Tensor:
        """Return the fused vectors [n, d_1 + … + d_k]; see `Net`."""
        seen = self.seen(units)
        attention = self.attend(seen)
        taken = attention @ _tokens(self.values, seen)
        roots = attention.mean(1).clamp_min(1e-12).sqrt()
        parts = [
            roots[:, m, None] * nn.functional.normalize(unit + out(taken[:, m]))
            for m, (unit, out) in enumerate(zip(units, self.outputs, strict=True))
        ]
        return nn.functional.normalize(torch.cat(parts, 1))


def _tokens(layers: nn.ModuleList, seen: Sequence[Tensor]) -> Tensor:
    """Return each layer's output, [n, k, rank]."""
    return torch.stack([layer(x) for layer, x in zip(layers, seen, strict=True)], 1)


class Attended(Learned):
    """Concatenation of vectors that attend to each other, weighted by the attention that they get."""

    name = "attention"

    def __init__(self, options: AttendedOptions) -> None:
        super().__init__(options)
        self.rank = options.rank

    def network(self, dims: Sequence[int]) -> Net:
        """Return the attention network."""
        return Attention(dims, self.rank, self.dropout)
