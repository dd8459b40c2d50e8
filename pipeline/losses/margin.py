"""Softmax over class centres with a margin: the base class of ArcFace and similar losses."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.losses.sharded_centres import Centres
from pipeline.params.losses.margin import MarginOptions


class MarginSoftmax(Centres, ABC):
    """Cross-entropy of s·cos θ_j, with `own` instead of cos θ_y for the sample's own sitter y.

    θ_j is the angle of an embedding to the centre of training sitter j.

    With `sample` < 1 (Partial FC), the softmax runs only over this share of the sitters: the sitters of the batch, and
    others drawn at random with equal probability. If a sitter is drawn with probability q, its e^{s·cos θ} counts 1/q
    times, so that the expected sum equals the sum over all sitters (An et al. leave this factor out; it amounts to
    ln(1/q)/s in the cosine). Sitters that are not drawn have no gradient.

    An et al.: Partial FC: Training 10 Million Identities on a Single Machine, ICCVW 2021 (arXiv 2010.05222).
    """

    def __init__(self, dim: int, sitters: int, options: MarginOptions, each: int | None = None) -> None:
        """Initialise the centres; see `Centres`.

        Args:
            dim, sitters, each: see `Centres`.
            options: s of the formula, and the share of the sitters in the softmax.
        """
        super().__init__(dim, sitters, each)
        self.scale, self.sample = options.scale, options.sample

    @abstractmethod
    def own(self, embeddings: Tensor, x: Tensor, centres: Tensor) -> Tensor:
        """Return the value that replaces the cosine between samples and their own sitters' centres, float [n].

        Args:
            embeddings: float [n, D], not normalised.
            x: the same embeddings, scaled to length 1.
            centres: float [n, D], of length 1.
        """

    def cosines(self, x: Tensor, centres: Tensor) -> Tensor:
        """Return the cosines [B, c] of unit vectors [B, D] with sitters' centres [c, D] in the form of `centres`."""
        return x @ centres.T

    def nearest(self, x: Tensor, centres: Tensor) -> Tensor:
        """Return the centre of each sample's own sitter that counts, [n, D]."""
        return centres

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of a batch; it is the same on all processes if the centres are sharded.

        Args:
            embeddings: float [B, D] of the whole batch, not normalised.
            labels: int64 [B], the numbers of the training sitters.

        Returns:
            scalar of the same dtype.
        """
        x = self.share.read(F.normalize(embeddings))
        mine = self.share.mine
        weights: Tensor = self.centres
        places, correction = labels - mine.start, None
        if self.sample < 1:
            drawn, correction = self.draw(labels)
            here = (drawn >= mine.start) & (drawn < mine.stop)
            drawn, correction = drawn[here], correction[here]
            weights, places = weights[drawn - mine.start], torch.searchsorted(drawn, labels)
        centres = F.normalize(weights, dim=-1)
        cosines = self.cosines(x, centres)
        if self.share.alone:
            own = self.own(embeddings, x, self.nearest(x, centres[places]))
            logits = self.scale * cosines.scatter(1, places[:, None], own[:, None])
            return F.cross_entropy(logits if correction is None else logits + correction, places)
        rows = torch.nonzero((labels >= mine.start) & (labels < mine.stop)).squeeze(1)
        places = places[rows]
        own = self.own(embeddings[rows], x[rows], self.nearest(x[rows], centres[places]))
        logits = self.scale * cosines.index_put((rows, places), own)
        logits = logits if correction is None else logits + correction
        return self.share.cross_entropy(logits, x.new_zeros(len(x)).index_put((rows,), self.scale * own))

    def draw(self, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Draw the sitters in the softmax: the batch's own, and others by torch's generator, the same on all processes.

        Args:
            labels: int64 [B].

        Returns:
            The sitters, int64 [n], ascending; and the amounts that are added to their logits, float [n]: 0 for sitters
            of the batch, −ln q for the others.
        """
        sitters, present = (
            self.share.sitters,
            torch.unique(labels.cpu()),
        )  # on the CPU, so that every device gets the same
        n = max(round(self.sample * sitters), len(present))
        draws = torch.rand(sitters)
        draws[present] = 2.0
        drawn = draws.topk(n).indices.sort().values
        inclusion = (n - len(present)) / max(sitters - len(present), 1)
        correction = torch.full((n,), -math.log(inclusion or 1.0), dtype=self.centres.dtype)
        correction.masked_fill_(torch.isin(drawn, present), 0.0)
        return drawn.to(labels.device), correction.to(labels.device)


def turned(x: Tensor, centres: Tensor, angle: Tensor | float) -> tuple[Tensor, Tensor]:
    """Return cos θ and cos(θ + angle) for the angles θ between unit vectors.

    cos(θ + m) = cos θ cos m − sin θ sin m, with sin θ = ‖x − w‖·‖x + w‖ / 2. This avoids the arc cosine, which has an
    infinite derivative at θ = 0 and π, and 1 − cos², which loses all digits there.

    Args:
        x, centres: float [n, D], of length 1.
        angle: m in radians, one number or [n].

    Returns:
        float [n] each.
    """
    cos = (x * centres).sum(dim=1)
    sin = torch.linalg.vector_norm(x - centres, dim=1) * torch.linalg.vector_norm(x + centres, dim=1) / 2
    if isinstance(angle, Tensor):
        return cos, cos * angle.cos() - sin * angle.sin()
    return cos, cos * math.cos(angle) - sin * math.sin(angle)


def advanced(x: Tensor, centres: Tensor, margin: float) -> Tensor:
    """Return ArcFace's cos(θ + m), or cos θ − m sin m where θ + m would pass π, so that it falls with the angle.

    Args:
        x, centres: float [n, D], of length 1.
        margin: m in radians.

    Returns:
        float [n].
    """
    cos, further = turned(x, centres, margin)
    return torch.where(cos > -math.cos(margin), further, cos - margin * math.sin(margin))
