"""The data that fusions learn from: pairs of images with each model's scores, and regression of "genuine" on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from pipeline.core.errors import SitterError
from pipeline.core.numbers import Floats, Singles

Truth = NDArray[np.bool_]
# Keeps the solution finite if the scores separate the pairs without error.
RIDGE = 1e-4


def rows_of(subset: Sequence[str], word: str, most: int, seed: int) -> NDArray[np.intp]:
    """Return the rows of one subset in their order; if there are more than `most`, draw `most` of them at random."""
    rows = np.flatnonzero(np.asarray(subset) == word)
    if len(rows) > most:
        rows = np.sort(np.random.default_rng([seed, len(rows)]).choice(rows, most, replace=False))
    return rows


def cosines(units: Sequence[Singles], rows: NDArray[np.intp]) -> Floats:
    """Return each model's cosines of all pairs of these rows: float64 [p, k], in the order of `np.triu_indices`."""
    i, j = np.triu_indices(len(rows), 1)
    return np.stack([(u[rows] @ u[rows].T)[i, j] for u in units], 1).astype(np.float64)


def truth(sitters: Sequence[str], rows: NDArray[np.intp], kind: str, word: str) -> Truth:
    """Return which pairs of these rows are genuine: bool [p], in the order of `cosines`.

    Raises:
        SitterError: there are no genuine or no impostor pairs; `kind` (of fusion) and `word` (subset) are for the
            message.
    """
    names = np.asarray(sitters)[rows]
    i, j = np.triu_indices(len(rows), 1)
    genuine: Truth = names[i] == names[j]
    if not genuine.any() or genuine.all():
        share = "Raise split.*.val of the data sets" if word == "val" else "Leave more train sitters in the data sets"
        raise SitterError(
            f"fusion {kind} learns from pairs of {word} images, but the {len(rows)} {word} images of "
            f"{len(set(names))} sitters give {int(genuine.sum())} genuine and {int((~genuine).sum())} impostor "
            f"pairs: both are needed. {share} under fit_on."
        )
    return genuine


def regress(scores: Floats, genuine: Truth, pull: float = 0.0) -> tuple[Floats, float]:
    """Fit a logistic regression of `genuine` on scores: return coefficients β ≥ 0, float64 [k], and the intercept.

    Genuine and impostor pairs have the same total weight, so that β · s + intercept is a log likelihood ratio (to the
    base e), whatever the share of genuine pairs (Brümmer & du Preez 2006). The problem is convex, so there is one
    solution. Few sitters say little about small differences, so the penalty `pull` · Σ (βᵢ − mean β)² pulls the
    coefficients towards each other: the larger `pull` is, the more equal they become. Its β belong to scores that are
    divided by one scale common to all models.

    Args:
        scores: float64 [p, k], scores of p pairs by k models.
        genuine: bool [p].
        pull: weight of the pull towards equal coefficients.
    """
    k = scores.shape[1]
    mean = scores.mean(0)
    x = scores - mean
    # One scale for all models, so that `pull` means the same whatever the spread of the scores is.
    spread = max(np.sqrt(np.mean([x[genuine == side].var(0).mean() for side in (True, False)])), 1e-12)
    x = x / spread
    sign = np.where(genuine, 1.0, -1.0)
    mass = np.where(genuine, 0.5 / genuine.sum(), 0.5 / (~genuine).sum())

    def loss(p: Floats) -> tuple[float, Floats]:
        beta, margin = p[:k], sign * (x @ p[:k] + p[k])
        apart = beta - beta.mean()
        value = mass @ np.logaddexp(0, -margin) + pull * (apart @ apart) + RIDGE * (beta @ beta)
        push = -mass * sign * expit(-margin)
        return float(value), np.append(x.T @ push + 2 * pull * apart + 2 * RIDGE * beta, push.sum())

    start = np.append(np.full(k, 1.0 / k), 0.0)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0, None)] * k + [(None, None)])
    beta = found.x[:k] / spread
    return beta, float(found.x[k] - beta @ mean)


def shares(beta: Floats) -> Floats:
    """Return coefficients as weights that sum to 1; equal weights if all coefficients are 0."""
    return cast(Floats, beta / beta.sum()) if beta.sum() > 0 else np.full(len(beta), 1.0 / len(beta))


def cllr(ratios: Floats, genuine: Truth) -> float:
    """Return Cllr of log likelihood ratios (base e) in bits: 0 is perfect, 1 says nothing (Brümmer & du Preez 2006)."""
    costs = [np.logaddexp(0, -ratios[genuine]).mean(), np.logaddexp(0, ratios[~genuine]).mean()]
    return float(np.mean(costs) / np.log(2))


def calibrate(scores: Floats, genuine: Truth) -> tuple[float, float, float]:
    """Return the slope ≥ 0 and the offset that turn scores [p] into log likelihood ratios, and the Cllr of these."""
    beta, offset = regress(scores[:, None], genuine)
    return float(beta[0]), offset, cllr(beta[0] * scores + offset, genuine)
