"""Score normalisation of searches: by how similar each probe, and each sitter of the gallery, is to strangers.

A dark or much restored portrait is similar to many others, and so is a sitter with many portraits. Symmetric
normalisation (S-norm; Kenny 2010, "Bayesian speaker verification with heavy-tailed priors") expresses each score in
units of the impostor scores of both. Here it is applied to the scores of sitters, not of images.
"""

from __future__ import annotations

import numpy as np

from pipeline.core.numbers import Floats, Ints

LEAST_SPREAD = 1e-6


def of_sitters(scores: Floats, mine: Ints) -> tuple[Floats, Floats]:
    """Return the mean and standard deviation of each sitter's scores with other sitters' probes: float64 [s] and [s].

    Args:
        scores: [p, s], scores of known probes; −inf for no score.
        mine: [p], the place of the probe's own sitter; −1 if this sitter is not among the s.
    """
    others = np.where(np.isfinite(scores), scores, np.nan)
    rows = np.flatnonzero(mine >= 0)
    others[rows, mine[rows]] = np.nan
    return _moments(others, 0)


def normalised(scores: Floats, mean: Floats, spread: Floats) -> Floats:
    """Return (s − μ_p) / 2σ_p + (s − μ_g) / 2σ_g [p, s], where −inf stays −inf.

    μ_p and σ_p are the mean and standard deviation of the probe's scores with all sitters but the most similar one, who
    may be the probe's own.

    Args:
        scores: [p, s].
        mean, spread: [s], μ_g and σ_g of the sitters; see `of_sitters`.
    """
    there = np.isfinite(scores)
    others = np.where(there, scores, np.nan)
    if scores.shape[1] > 2:
        others[np.arange(len(scores)), scores.argmax(axis=1)] = np.nan
    probe_mean, probe_spread = _moments(others, 1)
    with np.errstate(invalid="ignore"):
        found = (scores - probe_mean[:, None]) / probe_spread[:, None] + (scores - mean) / spread
    return np.where(there, found / 2, -np.inf)


def _moments(values: Floats, axis: int) -> tuple[Floats, Floats]:
    """Return the mean and standard deviation along an axis, without NaN; 0 and 1 if there are fewer than two values."""
    known = ~np.isnan(values)
    count = known.sum(axis=axis)
    filled = np.where(known, values, 0.0)
    mean = filled.sum(axis=axis) / np.maximum(count, 1)
    apart = np.where(known, values - np.expand_dims(mean, axis), 0.0)
    spread = np.sqrt((apart**2).sum(axis=axis) / np.maximum(count, 1))
    enough = count > 1
    return np.where(enough, mean, 0.0), np.where(enough, np.maximum(spread, LEAST_SPREAD), 1.0)
