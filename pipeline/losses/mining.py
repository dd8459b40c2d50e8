"""The samples of a batch that a loss compares: positives, and random or hard negatives.

Random choices are made on the CPU by torch's generator, which the training loop seeds at every step. So they are the
same on every device and after every resume.
"""

from __future__ import annotations

import torch
from torch import Tensor


def positive_pairs(labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return all ordered pairs of two samples of one sitter.

    Args:
        labels: int64 [B].

    Returns:
        Positions of the anchors and of their positives, int64 [n] each.
    """
    same = labels[:, None] == labels[None, :]
    anchors, positives = torch.nonzero(same.fill_diagonal_(False), as_tuple=True)
    return anchors, positives


class Groups:
    """The samples of a batch, sorted by sitter, to draw samples of the same sitter or of other sitters.

    It stores a few numbers per sample, not a row of the batch's length, because batches have tens of thousands of
    samples.
    """

    def __init__(self, labels: Tensor) -> None:
        """Sort a batch by its labels, int64 [B]."""
        self.order = labels.argsort(stable=True)
        self.place = torch.empty_like(self.order)
        self.place[self.order] = torch.arange(len(labels), device=labels.device)
        _, group, sizes = labels.unique(return_inverse=True, return_counts=True)  # type: ignore[no-untyped-call]
        self.size, self.start = sizes[group], (sizes.cumsum(0) - sizes)[group]

    def another(self, samples: Tensor) -> Tensor:
        """Draw for each of the samples, int64 [n], another sample of its sitter; its sitter must have another."""
        start, rank = self.start[samples], (self.place - self.start)[samples]
        drawn = _draw(self.size[samples] - 1)
        return self.order[start + drawn + (drawn >= rank)]

    def stranger(self, samples: Tensor) -> Tensor:
        """Draw for each of the samples, int64 [n], a sample of another sitter; the batch must have another sitter."""
        size = self.size[samples]
        drawn = _draw(len(self.order) - size)
        return self.order[drawn + size * (drawn >= self.start[samples])]


def _draw(below: Tensor) -> Tensor:
    """Return for each number, int64 [n], at least 1, a uniformly random integer from 0 to the number minus 1."""
    drawn = (torch.rand(len(below)).to(below.device) * below).long()
    return torch.minimum(drawn, below - 1)


def one_positive(labels: Tensor) -> tuple[Tensor, Tensor]:
    """Draw one positive at random for each sample that has positives in the batch.

    Args:
        labels: int64 [B].

    Returns:
        Positions of the anchors and of their positives, int64 [n] each, n ≤ B.
    """
    groups = Groups(labels)
    anchors = torch.nonzero(groups.size > 1).squeeze(1)
    return anchors, groups.another(anchors)


def triplets(embeddings: Tensor, labels: Tensor, hard: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return all genuine pairs with a negative each: the hardest for a share `hard` of the pairs, else a random one.

    The hardest negative of an anchor is the sample of another sitter with the highest cosine to it.

    Args:
        embeddings: float [B, D], L2-normalised.
        labels: int64 [B].
        hard: share of the pairs, 0 … 1, rounded to whole pairs; these pairs are drawn at random.

    Returns:
        Positions of anchors, positives and negatives, int64 [n] each; n = 0 if no triplet can be made.
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
