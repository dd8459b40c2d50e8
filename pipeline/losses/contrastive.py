"""Contrastive loss: pulls images of one sitter together, and pushes images of two sitters at least a margin apart."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.params.losses.contrastive import ContrastiveOptions


class Contrastive(nn.Module):
    """Contrastive: d² of genuine pairs, max(0, margin − d)² of impostor pairs; the means of the two are added.

    d is the Euclidean distance of the L2-normalised embeddings, 0 … 2. The means run over the pairs of the batch with a
    non-zero term, so that the few impostor pairs within the margin are not drowned by the many beyond it.

    Hadsell, Chopra, LeCun: Dimensionality Reduction by Learning an Invariant Mapping, CVPR 2006.
    """

    def __init__(self, dim: int, sitters: int, options: ContrastiveOptions) -> None:
        super().__init__()
        self.margin = options.margin

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of a batch.

        Args:
            embeddings: float [B, D], not normalised.
            labels: int64 [B].

        Returns:
            scalar of the same dtype; 0 if no pair of the batch has a non-zero term.
        """
        x = F.normalize(embeddings)
        # Distances are computed from differences: for small ones, 2 − 2 cos would lose all digits.
        distances = torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist")
        one, other = torch.triu_indices(len(x), len(x), 1, device=x.device)
        d, genuine = distances[one, other], labels[one] == labels[other]
        return _mean(d[genuine].square()) + _mean((self.margin - d[~genuine]).clamp(min=0).square())


def _mean(terms: Tensor) -> Tensor:
    """Return the mean of the terms that are not 0."""
    return terms.sum() / (terms != 0).sum().clamp(min=1)
