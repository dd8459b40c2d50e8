"""A weighted sum of other losses over one embedding."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from pipeline.core.registry import Options
from pipeline.losses import LOSSES


class Sum(nn.Module):
    """Sum: Σ weight_i · loss_i of the same embeddings, as ArcFace + 0.5 × InfoNCE."""

    def __init__(
        self,
        dim: int,
        sitters: int,
        *,
        losses: Annotated[list[Options], Field(min_length=1, description="Losses, each with its own options.")],
        weights: Annotated[
            list[Annotated[float, Field(ge=0)]] | None, Field(description="One for each loss; null: 1 each.")
        ] = None,
    ) -> None:
        super().__init__()
        self.weights = [1.0] * len(losses) if weights is None else weights
        self.losses = nn.ModuleList(LOSSES.make(options, dim, sitters) for options in losses)

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Loss of a batch: float [B, D] embeddings, int64 [B] labels → scalar of the same dtype."""
        first, *others = (w * loss(embeddings, labels) for w, loss in zip(self.weights, self.losses, strict=True))
        total: Tensor = sum(others, start=first)
        return total
