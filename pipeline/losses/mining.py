"""Which samples of a batch a loss compares: positives, and random or hard negatives.

What is random is drawn on the CPU from torch's generator, which the training loop seeds at every step: the same
draws on every device, and after every resume.
"""

from __future__ import annotations

import torch
from torch import Tensor


def positive_pairs(labels: Tensor) -> tuple[Tensor, Tensor]:
    """All ordered pairs of two samples of one sitter.

    Args:
        labels: int64 [B].

    Returns:
        Positions of the anchors and of their positives, int64 [n] each.
    """
    same = labels[:, None] == labels[None, :]
    anchors, positives = torch.nonzero(same.fill_diagonal_(False), as_tuple=True)
    return anchors, positives


def one_positive(labels: Tensor) -> tuple[Tensor, Tensor]:
    """For each sample that has positives in the batch, one of them, drawn at random.

    Args:
        labels: int64 [B].

    Returns:
        Positions of the anchors and of their positives, int64 [n] each, n ≤ B.
    """
    same = (labels[:, None] == labels[None, :]).fill_diagonal_(False)
    anchors = torch.nonzero(same.any(dim=1)).squeeze(1)
    return anchors, random_choice(same[anchors])


def random_choice(allowed: Tensor) -> Tensor:
    """One allowed column of each row, each as likely as the others.

    Args:
        allowed: bool [n, B], at least one true in each row.

    Returns:
        int64 [n].
    """
    draws = torch.rand(allowed.shape).to(allowed.device)
    return draws.masked_fill(~allowed, -1.0).argmax(dim=1)


def triplets(embeddings: Tensor, labels: Tensor, hard: float) -> tuple[Tensor, Tensor, Tensor]:
    """All pairs of one sitter, each with a negative: for a share `hard` of the pairs the hardest, else a random one.

    The hardest negative of an anchor is the sample of another sitter with the highest cosine to it.

    Args:
        embeddings: float [B, D], L2-normalised.
        labels: int64 [B].
        hard: share of the pairs, 0 … 1, rounded to whole pairs; which pairs is drawn at random.

    Returns:
        Positions of anchors, positives and negatives, int64 [n] each; n = 0 where no triplet can be made.
    """
    anchors, positives = positive_pairs(labels)
    others = labels[:, None] != labels[None, :]
    possible = others[anchors].any(dim=1)
    anchors, positives = anchors[possible], positives[possible]
    if len(anchors) == 0:
        return anchors, positives, anchors
    with torch.no_grad():
        hardest = (embeddings @ embeddings.T).masked_fill(~others, -torch.inf).argmax(dim=1)
    negatives = random_choice(others[anchors])
    mined = torch.randperm(len(anchors))[: round(hard * len(anchors))].to(labels.device)
    negatives[mined] = hardest[anchors[mined]]
    return anchors, positives, negatives
