"""A calibration: the function from score to log-likelihood ratio, fitted on pairs with known answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from pipeline.core.numbers import Floats
from pipeline.metrics.verification import Tally, tally
from pipeline.scoring.calibration.elub import elub
from pipeline.scoring.calibration.pav import pav

CalibrationMethod = Literal["logistic", "pav"]
# If there are more distinct scores than this, neighbours are merged before a fit.
MOST_LEVELS = 5000


@dataclass(frozen=True)
class Calibration:
    """A function from scores to bounded natural LLRs."""

    knots: Floats
    """[k], scores, ascending."""
    llr: Floats
    """[k], natural LLR at each knot, before bounds. It is linear between knots; with two knots, also beyond them."""
    bounds: tuple[float, float]

    def __call__(self, scores: Floats) -> Floats:
        """Return the natural LLRs [n] of scores [n], within the bounds."""
        llr: Floats = np.clip(self._unbounded(scores), *self.bounds)
        return llr

    def _unbounded(self, scores: Floats) -> Floats:
        if len(self.knots) == 2:
            slope = (self.llr[1] - self.llr[0]) / (self.knots[1] - self.knots[0])
            line: Floats = self.llr[0] + slope * (scores - self.knots[0])
            return line
        found: Floats = np.interp(scores, self.knots, self.llr)
        return found


def fit_scores(
    genuine: Floats, impostor: Floats, genuine_weights: Floats, impostor_weights: Floats, method: CalibrationMethod
) -> Calibration:
    """Fit a calibration as `fit` does, on the scores and weights [n] of genuine pairs and [m] of impostor pairs."""
    return fit(tally(genuine, impostor, genuine_weights, impostor_weights), method)


def fit(counts: Tally, method: CalibrationMethod) -> Calibration:
    """Fit a calibration, with the bounds of ELUB, on a tally that has genuine and impostor pairs.

    `logistic` gives an affine function of the score by logistic regression, in which genuine and impostor pairs have
    the same total weight (Brümmer & du Preez 2006). `pav` gives isotonic regression.
    """
    counts = condensed(counts, MOST_LEVELS)
    if method == "pav":
        wide = Calibration(counts.scores[::-1], np.clip(pav(counts)[::-1], -20, 20), (-np.inf, np.inf))
    else:
        wide = _logistic(counts)
    llr = wide(counts.scores)
    return Calibration(wide.knots, wide.llr, elub(llr, llr, counts.genuine, counts.impostor))


def _logistic(counts: Tally) -> Calibration:
    from sklearn.linear_model import LogisticRegression

    centre, spread = float(np.mean(counts.scores)), float(np.std(counts.scores)) or 1.0
    x = np.tile((counts.scores - centre) / spread, 2)[:, None]
    genuine = np.arange(len(x)) < len(counts.scores)
    weights = np.concatenate([counts.genuine / counts.genuine.sum(), counts.impostor / counts.impostor.sum()])
    # The penalty is tiny: it only keeps the slope finite if the scores separate the pairs without error.
    total = float(counts.genuine.sum() + counts.impostor.sum())
    model = LogisticRegression(C=1e3, tol=1e-8, max_iter=1000).fit(x, genuine, sample_weight=weights * total / 2)
    knots = np.array([0.0, 1.0])
    llr = model.intercept_[0] + model.coef_[0, 0] * knots
    return Calibration(centre + spread * knots, llr, (-np.inf, np.inf))


def condensed(counts: Tally, levels: int) -> Tally:
    """Return the tally with at most `levels` distinct scores: neighbours are merged at their mean score."""
    k = len(counts.scores)
    if k <= levels:
        return counts
    starts = np.unique(np.linspace(0, k, levels, endpoint=False).astype(np.int64))
    genuine, impostor = (np.add.reduceat(w, starts) for w in (counts.genuine, counts.impostor))
    total = counts.genuine + counts.impostor
    return Tally(np.add.reduceat(counts.scores * total, starts) / np.add.reduceat(total, starts), genuine, impostor)
