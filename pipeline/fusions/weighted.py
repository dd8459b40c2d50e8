"""Concatenation with learned weights: the cosine of the fused vectors is Σ wᵢ cosᵢ with wᵢ ≥ 0, Σ wᵢ = 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.optimize import minimize
from scipy.special import expit

from pipeline.embeddings import Floats, normalise
from pipeline.errors import SitterError
from pipeline.fusions.fused import Array, Kind

Matrix = NDArray[np.float64]
# Pairs grow with the square of the images, what they teach does not.
MOST_IMAGES = 3000
# Keeps the solution finite where the val pairs can be told apart without error.
RIDGE = 1e-4


class Weighted(Kind):
    """Unit vectors times √wᵢ, concatenated; the weights are learned from pairs of val images."""

    needs_val = True

    def __init__(
        self,
        *,
        pull: Annotated[
            float, Field(ge=0, description="Pull towards equal weights; counts as so many val sitters do.")
        ] = 0.3,
    ) -> None:
        self.pull = pull
        self.weights: Array = np.zeros(0, np.float32)

    def fit(self, units: Sequence[Floats], sitters: Sequence[str], subset: Sequence[str], seed: int) -> None:
        """Learn the weights from all pairs of the val images (`subset`); see `learn`.

        Raises:
            SitterError: fewer than two val sitters, or none with two images.
        """
        rows = np.flatnonzero(np.asarray(subset) == "val")
        if len(rows) > MOST_IMAGES:
            rows = np.sort(np.random.default_rng([seed, len(rows)]).choice(rows, MOST_IMAGES, replace=False))
        names = np.asarray(sitters)[rows]
        i, j = np.triu_indices(len(rows), 1)
        genuine = names[i] == names[j]
        if not genuine.any() or genuine.all():
            raise SitterError(
                f"fusion weighted learns from pairs of val images, but the {len(rows)} val images of "
                f"{len(set(names))} sitters give {int(genuine.sum())} genuine and {int((~genuine).sum())} impostor "
                "pairs: both are needed. Raise split.*.val of the data sets under fit_on."
            )
        scores = np.stack([(u[rows] @ u[rows].T)[i, j] for u in units], 1).astype(np.float64)
        self.weights = learn(scores, genuine, self.pull / len(set(names))).astype(np.float32)

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


def learn(scores: Matrix, genuine: NDArray[np.bool_], pull: float) -> Matrix:
    """Weights of the models' cosines: float64 [k], not negative, summing to 1.

    Logistic regression of `genuine` on the cosines with coefficients β ≥ 0 and an intercept, genuine and impostor
    pairs weighing the same: a smooth stand-in for the equal error rate, convex, so there is one answer. Few sitters
    say little about small differences, hence `pull` · Σ (βᵢ − mean β)²: where equal weights tell all pairs apart
    nothing is learned from them. The weights are β / Σ β.

    Args:
        scores: float64 [p, k] cosines of p pairs by k models.
        genuine: bool [p].
        pull: weight of the pull towards equal weights.
    """
    k = scores.shape[1]
    x = scores - scores.mean(0)
    # One scale for all models, so that the pull means the same whatever the spread of the cosines.
    spread = np.sqrt(np.mean([x[genuine == side].var(0).mean() for side in (True, False)]))
    x = x / max(spread, 1e-12)
    sign = np.where(genuine, 1.0, -1.0)
    mass = np.where(genuine, 0.5 / genuine.sum(), 0.5 / (~genuine).sum())

    def loss(p: Matrix) -> tuple[float, Matrix]:
        beta, margin = p[:k], sign * (x @ p[:k] + p[k])
        apart = beta - beta.mean()
        value = mass @ np.logaddexp(0, -margin) + pull * (apart @ apart) + RIDGE * (beta @ beta)
        push = -mass * sign * expit(-margin)
        return float(value), np.append(x.T @ push + 2 * pull * apart + 2 * RIDGE * beta, push.sum())

    start = np.append(np.full(k, 1.0 / k), 0.0)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0, None)] * k + [(None, None)])
    beta = found.x[:k]
    return cast(Matrix, beta / beta.sum()) if beta.sum() > 0 else np.full(k, 1.0 / k)
