"""Score normalisation of pairs: a score is compared with the scores of both images against a cohort of strangers.

A dark, small or much restored portrait is similar to many others, and a common threshold accepts too many of its
impostor pairs. Adaptive score normalisation (AS-norm; Matějka et al. 2017, "Analysis of score normalization in
multilingual speaker recognition") expresses each cosine in units of the two images' own impostor scores.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import SitterError
from pipeline.core.numbers import Singles

# Each score is stored, and evaluation accepts no more of them (pipeline/metrics/all_pairs.py).
MOST_SCORES = 1_000_000
# Lower bound of the standard deviation of an image's cosines with the cohort, which may all be equal.
LEAST_SPREAD = 1e-6


def strangers(units: Singles, cohort: Singles, most: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean and standard deviation of each image's cosines with the `most` most similar cohort images.

    Args:
        units: float32 [n, d], rows of length 1.
        cohort: float32 [m, d], rows of length 1, of other sitters.
        most: number of cohort images; if there are fewer, all are taken.

    Returns:
        float64 [n] and [n].
    """
    cosines = units.astype(np.float64) @ cohort.astype(np.float64).T
    kept = min(most, len(cohort))
    nearest = np.partition(cosines, len(cohort) - kept, axis=1)[:, len(cohort) - kept :]
    return nearest.mean(1), np.maximum(nearest.std(1), LEAST_SPREAD)


def normalised(probes: Singles, gallery: Singles, cohort: Singles, most: int) -> NDArray[np.float64]:
    """Return the scores (s − μ_p) / 2σ_p + (s − μ_g) / 2σ_g, where s is the cosine; `strangers` gives μ and σ.

    Args:
        probes: float32 [n, d], rows of length 1.
        gallery: float32 [m, d].
        cohort: float32 [k, d], of sitters who are neither among the probes nor in the gallery.
        most: number of cohort images that count for each image.

    Returns:
        float64 [n, m].
    """
    cosines = probes.astype(np.float64) @ gallery.astype(np.float64).T
    (mean_p, spread_p), (mean_g, spread_g) = (strangers(units, cohort, most) for units in (probes, gallery))
    found: NDArray[np.float64] = (cosines - mean_p[:, None]) / spread_p[:, None]
    found += (cosines - mean_g) / spread_g
    return found / 2


def check_size(name: str, probes: int, gallery: int) -> None:
    """Raise SitterError if there are too many pairs to store their scores."""
    if probes * gallery > MOST_SCORES:
        raise SitterError(
            f"fuse.{name}.score_norm: scores of {probes:,} × {gallery:,} test images are more than {MOST_SCORES:,}. "
            "Leave score_norm out, or test on fewer images."
        )
