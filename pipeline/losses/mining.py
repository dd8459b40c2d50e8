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


class Groups:
    """The samples of a batch, sorted by sitter, from which one of the same sitter or of the others can be drawn.

    A sample needs a few numbers and not a row as long as the batch: batches have tens of thousands of samples.
    """

    def __init__(self, labels: Tensor) -> None:
        """Sort a batch by its labels, int64 [B]."""
        self.order = labels.argsort(stable=True)
        self.place = torch.empty_like(self.order)
        self.place[self.order] = torch.arange(len(labels), device=labels.device)
        _, group, sizes = labels.unique(return_inverse=True, return_counts=True)  # type: ignore[no-untyped-call]
        self.size, self.start = sizes[group], (sizes.cumsum(0) - sizes)[group]

    def another(self, samples: Tensor) -> Tensor:
        """Draw for each of the samples, int64 [n], another one of its sitter; the sitter must have another one."""
        start, rank = self.start[samples], (self.place - self.start)[samples]
        drawn = _draw(self.size[samples] - 1)
        return self.order[start + drawn + (drawn >= rank)]

    def stranger(self, samples: Tensor) -> Tensor:
        """Draw for each of the samples, int64 [n], one of another sitter; the batch must have one."""
        size = self.size[samples]
        drawn = _draw(len(self.order) - size)
        return self.order[drawn + size * (drawn >= self.start[samples])]


def _draw(below: Tensor) -> Tensor:
    """Return for each number, int64 [n], at least 1, a random one from 0 to below it, each as likely as the others."""
    drawn = (torch.rand(len(below)).to(below.device) * below).long()
    return torch.minimum(drawn, below - 1)


def one_positive(labels: Tensor) -> tuple[Tensor, Tensor]:
    """For each sample that has positives in the batch, one of them, drawn at random.

    Args:
        labels: int64 [B].

    Returns:
        Positions of the anchors and of their positives, int64 [n] each, n ≤ B.
    """
    groups = Groups(labels)
    anchors = torch.nonzero(groups.size > 1).squeeze(1)
    return anchors, groups.another(anchors)


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
    possible = others.any(dim=1)[anchors]
    anchors, positives = anchors[possible], positives[possible]
    if len(anchors) == 0:
        return anchors, positives, anchors
    with torch.no_grad():
        hardest = (embeddings @ embeddings.T).masked_fill(~others, -torch.inf).argmax(dim=1)
    negatives = Groups(labels).stranger(anchors)
    mined = torch.randperm(len(anchors))[: round(hard * len(anchors))].to(labels.device)
    negatives[mined] = hardest[anchors[mined]]
    return anchors, positives, negatives
