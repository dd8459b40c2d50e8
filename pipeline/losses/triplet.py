"""Triplet loss with a share of hard negatives, as in ArtFace's training of CLIP."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.losses.mining import triplets
from pipeline.params.losses.triplet import TripletOptions


class Triplet(nn.Module):
    """Triplet loss: max(0, d(anchor, positive) − d(anchor, negative) + margin), mean over the triplets.

    d = 1 − cosine, or the Euclidean distance of the L2-normalised embeddings. Each pair of images of one sitter is
    an anchor and its positive; its negative is mined (`pipeline.losses.mining.triplets`).

    Schroff, Kalenichenko, Philbin: FaceNet: A Unified Embedding for Face Recognition and Clustering, CVPR 2015
    (arXiv 1503.03832); margin 0.5 and 30 % hardest negatives: ArtFace (arXiv 2508.20626).
    """

    def __init__(self, dim: int, sitters: int, options: TripletOptions) -> None:
        super().__init__()
        self.margin, self.distance, self.hard = options.margin, options.distance, options.hard

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of a batch.

        Args:
            embeddings: float [B, D], not normalised.
            labels: int64 [B].

        Returns:
            scalar of the same dtype; 0 if the batch has no triplet.
        """
        x = F.normalize(embeddings)
        anchors, positives, negatives = triplets(x.detach(), labels, self.hard)
        if len(anchors) == 0:
            return x.sum() * 0
        a, p, n = x[anchors], x[positives], x[negatives]
        if self.distance == "cosine":
            difference = (a * (n - p)).sum(dim=1)
        else:
            difference = torch.linalg.vector_norm(a - p, dim=1) - torch.linalg.vector_norm(a - n, dim=1)
        return F.relu(difference + self.margin).mean()
