"""Concatenation with learned weights: the cosine of the fused vectors is Σ wᵢ cosᵢ with wᵢ ≥ 0, Σ wᵢ = 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np

from pipeline.fusions.fit_pairs import Matrix, Truth, cosines, regress, rows_of, shares, truth
from pipeline.fusions.fused import Array, Kind
from pipeline.params.fusions.weighted import WeightedOptions
from pipeline.store.embeddings import Floats, normalise

# Pairs grow with the square of the images, what they teach does not.
MOST_IMAGES = 3000


class Weighted(Kind):
    """Unit vectors times √wᵢ, concatenated; the weights are learned from pairs of val images."""

    name = "weighted"
    """The kind's, for messages."""
    needs_val = True

    def __init__(self, options: WeightedOptions) -> None:
        self.pull = options.pull
        self.weights: Array = np.zeros(0, np.float32)

    def fit(self, units: Sequence[Floats], sitters: Sequence[str], subset: Sequence[str], seed: int) -> None:
        """Learn the weights from all pairs of the val images (`subset`); see `learn`.

        Raises:
            SitterError: fewer than two val sitters, or none with two images.
        """
        rows = rows_of(subset, "val", MOST_IMAGES, seed)
        genuine = truth(sitters, rows, self.name, "val")
        names = {sitters[row] for row in rows}
        self.weights = learn(cosines(units, rows), genuine, self.pull / len(names)).astype(np.float32)

    def apply(self, units: Sequence[Floats]) -> Floats:
        """float32 [n, d_1] … [n, d_k] to [n, d_1 + … + d_k]; models of weight 0 stay, as zeros."""
        parts = [np.sqrt(w) * u for w, u in zip(self.weights, units, strict=True)]
        return normalise(cast(Floats, np.concatenate(parts, axis=1, dtype=np.float32)))

    def state(self) -> dict[str, Array]:
        """`weights`: float32 [k]."""
        return {"weights": self.weights}

    def load(self, state: dict[str, Array]) -> None:
        """Put the weights back."""
        self.weights = state["weights"]


def learn(scores: Matrix, genuine: Truth, pull: float) -> Matrix:
    """Weights of the models' cosines: float64 [k], not negative, summing to 1.

    The coefficients of `regress` over their sum: a smooth stand-in for the equal error rate. Where equal weights tell
    all pairs apart nothing is learned from them.

    Args:
        scores: float64 [p, k] cosines of p pairs by k models.
        genuine: bool [p].
        pull: weight of the pull towards equal weights.
    """
    return shares(regress(scores, genuine, pull)[0])
