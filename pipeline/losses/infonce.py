"""InfoNCE: cross-entropy of one positive among the images of other sitters in the batch."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.losses.mining import one_positive
from pipeline.losses.within_process import WithinProcess
from pipeline.params.losses.infonce import InfoNCEOptions


class InfoNCE(WithinProcess):
    """InfoNCE: −log( e^{s(a,p)/τ} / (e^{s(a,p)/τ} + Σ_n e^{s(a,n)/τ}) ), mean over the samples a of the batch.

    s is the cosine and τ the temperature. Each sample has one positive p, another image of its sitter (drawn at random
    if the batch has several). Its negatives n are all images of other sitters in the batch. Further images of its own
    sitter are neither, so that there are no false negatives. With two images per sitter this is NT-Xent; `symmetric`
    takes the mean with the loss of p against its own negatives.

    If several processes train together, each compares its samples with the samples of all processes (`negatives: all`)
    or only with its own (`process`), like code that does not gather embeddings; the loss is then the mean over the
    processes.

    van den Oord, Li, Vinyals: Representation Learning with Contrastive Predictive Coding, 2018 (arXiv 1807.03748);
    Chen et al.: A Simple Framework for Contrastive Learning of Visual Representations, ICML 2020 (arXiv 2002.05709).
    """

    def __init__(self, dim: int, sitters: int, options: InfoNCEOptions) -> None:
        super().__init__()
        self.temperature, self.symmetric = options.temperature, options.symmetric
        self.within_process = options.negatives == "process"

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of a batch.

        Args:
            embeddings: float [B, D], not normalised.
            labels: int64 [B].

        Returns:
            scalar of the same dtype; 0 if no sample has a positive.
        """
        if self.within_process and self.own is not None:
            return self.mean_over_processes(self._of(embeddings[self.own], labels[self.own]))
        return self._of(embeddings, labels)

    def _of(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of samples that are all compared with each other."""
        x = F.normalize(embeddings)
        anchors, positives = one_positive(labels)
        if len(anchors) == 0:
            return x.sum() * 0
        loss = self._against_negatives(x, labels, anchors, positives)
        if self.symmetric:
            loss = (loss + self._against_negatives(x, labels, positives, anchors)) / 2
        return loss

    def _against_negatives(self, x: Tensor, labels: Tensor, anchors: Tensor, positives: Tensor) -> Tensor:
        """Return the cross-entropy of each anchor's positive among the positive and all samples of other sitters."""
        left_out = labels[anchors, None] == labels[None, :]
        left_out[torch.arange(len(anchors), device=labels.device), positives] = False
        # Rows are chosen before the product, and the mask is applied in place: with a batch of 32,768, each copy of the
        # logits takes 4 GB.
        logits = (x[anchors] / self.temperature) @ x.T
        return F.cross_entropy(logits.masked_fill_(left_out, -torch.inf), positives)
