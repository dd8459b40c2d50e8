"""Supervised contrastive loss: InfoNCE with all positives of the batch."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.params.losses.supcon import SupConOptions


class SupCon(nn.Module):
    """Supervised contrastive: −1/|P(a)| Σ_{p∈P(a)} log( e^{s(a,p)/τ} / Σ_{i≠a} e^{s(a,i)/τ} ), mean over samples a.

    s is the cosine, τ the temperature, P(a) all other images of a's sitter in the batch (L_out of the paper).

    Khosla et al.: Supervised Contrastive Learning, NeurIPS 2020 (arXiv 2004.11362).
    """

    def __init__(self, dim: int, sitters: int, options: SupConOptions) -> None:
        super().__init__()
        self.temperature = options.temperature

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of a batch.

        Args:
            embeddings: float [B, D], not normalised.
            labels: int64 [B].

        Returns:
            scalar of the same dtype; 0 if no sample has a positive.
        """
        x = F.normalize(embeddings)
        itself = torch.eye(len(x), dtype=torch.bool, device=x.device)
        positives = (labels[:, None] == labels[None, :]) & ~itself
        counts = positives.sum(dim=1)
        if not counts.any():
            return x.sum() * 0
        logits = (x @ x.T / self.temperature).masked_fill(itself, -torch.inf)
        log_p = logits.log_softmax(dim=1).masked_fill(~positives, 0.0)
        return -(log_p.sum(dim=1) / counts.clamp(min=1))[counts > 0].mean()
