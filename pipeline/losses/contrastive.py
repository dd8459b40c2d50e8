"""Contrastive loss: images of a sitter together, those of two sitters at least a margin apart."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.params.losses.contrastive import ContrastiveOptions


class Contrastive(nn.Module):
    """Contrastive: d² of genuine pairs, max(0, margin − d)² of impostor pairs; the means of the two are added.

    d is the Euclidean distance of the L2-normalised embeddings, 0 … 2. The means run over the batch's pairs whose
    term is not 0: the few impostors within the margin are not drowned by the many beyond it.

    Hadsell, Chopra, LeCun: Dimensionality Reduction by Learning an Invariant Mapping, CVPR 2006.
    """

    def __init__(self, dim: int, sitters: int, options: ContrastiveOptions) -> None:
        super().__init__()
        self.margin = options.margin

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Loss of a batch.

        Args:
            embeddings: float [B, D], not normalised.
            labels: int64 [B].

        Returns:
            scalar of the same dtype; 0 where the batch holds no pair with a term.
        """
        x = F.normalize(embeddings)
        # Differences, not products: 2 − 2 cos has no digits left for small distances.
        distances = torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist")
        one, other = torch.triu_indices(len(x), len(x), 1, device=x.device)
        d, genuine = distances[one, other], labels[one] == labels[other]
        return _mean(d[genuine].square()) + _mean((self.margin - d[~genuine]).clamp(min=0).square())


def _mean(terms: Tensor) -> Tensor:
    """Of those that are not 0."""
    return terms.sum() / (terms != 0).sum().clamp(min=1)
