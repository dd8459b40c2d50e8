"""Concatenation with learned weights: the cosine of the fused vectors is Σ wᵢ cosᵢ with wᵢ ≥ 0, Σ wᵢ = 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np

from pipeline.core.numbers import Floats, Singles
from pipeline.fusions.fit_pairs import Truth, cosines, regress, rows_of, shares, truth
from pipeline.fusions.fused import Kind
from pipeline.params.fusions.weighted import WeightedOptions
from pipeline.store.embeddings import normalise

# The number of pairs grows with the square of the number of images, but their information does not.
MOST_IMAGES = 3000


class Weighted(Kind):
    """Unit vectors times √wᵢ, concatenated; the weights are learned from pairs of val images."""

    name = "weighted"
    """Name of the kind, for messages."""
    needs_val = True

    def __init__(self, options: WeightedOptions) -> None:
        self.pull = options.pull
        self.weights: Singles = np.zeros(0, np.float32)

    def fit(self, units: Sequence[Singles], sitters: Sequence[str], subset: Sequence[str], seed: int) -> None:
        """Learn the weights from all pairs of the val images (`subset`); see `learn`.

        Raises:
            SitterError: fewer than two val sitters, or none with two images.
        """
        rows = rows_of(subset, "val", MOST_IMAGES, seed)
        genuine = truth(sitters, rows, self.name, "val")
        names = {sitters[row] for row in rows}
        self.weights = learn(cosines(units, rows), genuine, self.pull / len(names)).astype(np.float32)

    def apply(self, units: Sequence[Singles]) -> Singles:
        """Fuse float32 [n, d_1] … [n, d_k] to [n, d_1 + … + d_k]; models of weight 0 give zeros."""
        parts = [np.sqrt(w) * u for w, u in zip(self.weights, units, strict=True)]
        return normalise(cast(Singles, np.concatenate(parts, axis=1, dtype=np.float32)))

    def state(self) -> dict[str, Singles]:
        """Return `weights`: float32 [k]."""
        return {"weights": self.weights}

    def load(self, state: dict[str, Singles]) -> None:
        """Restore the weights."""
        self.weights = state["weights"]


def learn(scores: Floats, genuine: Truth, pull: float) -> Floats:
    """Return the weights of the models' cosines: float64 [k], not negative, with the sum 1.

    They are the coefficients of `regress` divided by their sum. The logistic loss is a smooth stand-in for the equal
    error rate.

    Args:
        scores: float64 [p, k], cosines of p pairs by k models.
        genuine: bool [p].
        pull: weight of the pull towards equal weights.
    """
    return shares(regress(scores, genuine, pull)[0])
