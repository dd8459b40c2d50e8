"""Score fusion by logistic regression, calibrated: the cosine of the fused vectors stands for a log likelihood ratio.

The fused score is linear in the models' cosines, Σ bᵢ cosᵢ + offset, so it can be written as a cosine: the unit vectors
times √(bᵢ / Σ b), concatenated, have the cosine Σ bᵢ cosᵢ / Σ b. The slope Σ b and the offset, which turn this cosine
into a log likelihood ratio, stand in `model.json`; they change no ranking and no error rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.core.numbers import Singles
from pipeline.fusions.fit_pairs import calibrate, cosines, regress, rows_of, shares, truth
from pipeline.fusions.weighted import Weighted
from pipeline.params.fusions.weighted import WeightedOptions

# At most this many images of each subset, because there are several regressions on all their pairs.
MOST_IMAGES = 1500
# The pulls towards equal coefficients that are tried, starting with "equal".
PULLS = (float("inf"), 3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.0)


class Score(Weighted):
    """Logistic regression on the models' scores, fitted on train sitters, chosen and calibrated on val sitters."""

    name = "score"
    needs_train = True

    def __init__(self) -> None:
        super().__init__(WeightedOptions())
        self.slope, self.offset = 0.0, 0.0

    def fit(self, units: Sequence[Singles], sitters: Sequence[str], subset: Sequence[str], seed: int) -> None:
        """Fit coefficients on pairs of train images at each pull, and choose the pull by Cllr on pairs of val images.

        The models may have been trained on the train sitters and be too sure of them, so slope and offset are fitted on
        the val sitters.

        Raises:
            SitterError: the train or the val images have no genuine or no impostor pairs.
        """
        learned, chosen = (rows_of(subset, word, MOST_IMAGES, seed) for word in ("train", "val"))
        genuine, judged = truth(sitters, learned, self.name, "train"), truth(sitters, chosen, self.name, "val")
        learned_from, trials = cosines(units, learned), cosines(units, chosen)
        equal = np.full(len(units), 1.0 / len(units))
        self.val_cllr = np.inf
        for pull in PULLS:
            weights = shares(regress(learned_from, genuine, pull)[0]) if np.isfinite(pull) else equal
            slope, offset, cost = calibrate(trials @ weights, judged)
            if not np.isfinite(pull):
                self.val_cllr_equal = cost
            if cost < self.val_cllr - 1e-6:  # if equally good, the more equal one stays
                self.val_cllr, self.pull, self.slope, self.offset = cost, pull, slope, offset
                self.weights = weights.astype(np.float32)

    def ratios(self, scores: Singles) -> Singles:
        """Return log likelihood ratios (base e) of cosines of fused vectors, in the given shape."""
        found: Singles = np.float32(self.slope) * scores + np.float32(self.offset)
        return found

    def state(self) -> dict[str, Singles]:
        """Return `weights`, float32 [k], and `calibration`, float32 [2]: slope and offset."""
        return {**super().state(), "calibration": np.array([self.slope, self.offset], np.float32)}

    def load(self, state: dict[str, Singles]) -> None:
        """Restore weights and calibration."""
        super().load(state)
        self.slope, self.offset = (float(v) for v in state["calibration"])

    def findings(self) -> dict[str, Any]:
        """Return the calibration (log likelihood ratio = slope × cosine + offset), and Cllr on the val sitters."""
        return {
            "calibration": {"slope": round(self.slope, 6), "offset": round(self.offset, 6)},
            "pull": self.pull if np.isfinite(self.pull) else "equal",
            "val_cllr": round(self.val_cllr, 6),
            "val_cllr_equal": round(self.val_cllr_equal, 6),
        }
