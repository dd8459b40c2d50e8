"""A weighted sum of other losses over one embedding."""

from __future__ import annotations

from torch import Tensor, nn

from pipeline.params.losses.sum import SumOptions


class Sum(nn.Module):
    """Sum: Σ weight_i · loss_i of the same embeddings, for example ArcFace + 0.5 × InfoNCE."""

    def __init__(self, dim: int, sitters: int, options: SumOptions) -> None:
        super().__init__()
        self.weights = [1.0] * len(options.losses) if options.weights is None else options.weights
        self.losses = nn.ModuleList(one.make(dim, sitters) for one in options.losses)

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of a batch: float [B, D] embeddings, int64 [B] labels → scalar of the same dtype."""
        first, *others = (w * loss(embeddings, labels) for w, loss in zip(self.weights, self.losses, strict=True))
        total: Tensor = sum(others, start=first)
        return total
