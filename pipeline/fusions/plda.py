"""Probabilistic linear discriminant analysis (PLDA): cosines that stand for log likelihood ratios, in closed form.

This is the two-covariance model (Brümmer & de Villiers 2010, "The speaker partitioning problem"): an image is x = y +
e, where the sitter's part is y ~ N(μ, B) and the image's own part is e ~ N(0, W). u is x in axes that make W the
identity and B diagonal, diag(ψ). With φ = u √(ψ / (2ψ + 1)) and h = Σ ψ u² / (2 (2ψ + 1) (ψ + 1)), the log likelihood
ratio of one sitter to two is

    LLR(u, v) = −½ |φ(u) − φ(v)|² + h(u) + h(v) + Σ (log (ψ + 1) − ½ log (2ψ + 1)).

No vectors have exactly this as their cosine, because the cosine of an image with itself is always 1, but LLR(u, u) is
not constant. However, the input vectors have length 1, so that their length carries no information. As is usual before
PLDA (Garcia-Romero & Espy-Wilson 2011, "Analysis of i-vector length normalization in speaker recognition systems"),
each u is scaled to another length: here to the length at which h equals its expectation under the model. What remains
is a squared distance. A further element, √(R² − |φ|²), turns it into a cosine: LLR = R² (cosine − 1) + constant. The
error of this approximation is (|φ(u)|² − |φ(v)|²)² / (8 R²) or little more. R² is `LIFT` times the expectation of |φ|²
under the model, and a longer φ is shortened to R.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import SitterError
from pipeline.core.numbers import Floats, Singles
from pipeline.fusions.fused import Kind
from pipeline.fusions.wccn import sitters_with_two, whitening, within_covariance
from pipeline.params.fusions.plda import TwoCovarianceOptions
from pipeline.store.embeddings import normalise

LIFT = 4.0
LEAST = 1e-6
"""An axis with a ψ up to this value carries no information and is left out."""


@dataclass(frozen=True)
class Axes:
    """The fitted model of one recogniser's vectors."""

    mean: Singles
    """float32 [d], the mean of the sitters."""
    map: Singles
    """float32 [d, r]: the covariance of (x − mean) @ map within sitters is the identity."""
    psi: Singles
    """float32 [r]: the variance of (x − mean) @ map between sitters."""

    def scaled(self, x: Singles) -> Floats:
        """Return u of vectors [n, d], scaled to the length at which h equals its expectation: float64 [n, r]."""
        u = (x.astype(np.float64) - self.mean) @ self.map.astype(np.float64)
        psi = self.psi.astype(np.float64)
        weight = psi / ((2 * psi + 1) * (psi + 1))
        size = (u**2 @ weight)[:, None]
        found: Floats = u * np.sqrt((weight @ (psi + 1)) / np.maximum(size, np.finfo(np.float64).tiny))
        return found

    def phi(self, x: Singles) -> Floats:
        """Return φ of vectors [n, d]: float64 [n, r]."""
        psi = self.psi.astype(np.float64)
        return self.scaled(x) * np.sqrt(psi / (2 * psi + 1))

    @property
    def expected(self) -> float:
        """The expectation of |φ|² under the model."""
        psi = self.psi.astype(np.float64)
        return float((psi * (psi + 1) / (2 * psi + 1)).sum())

    @property
    def most(self) -> float:
        """The log likelihood ratio (to the base e) of two images with the same φ."""
        psi = self.psi.astype(np.float64)
        return float((np.log(psi + 1) - np.log(2 * psi + 1) / 2 + psi / (2 * psi + 1)).sum())


class TwoCovariance(Kind):
    """Log likelihood ratio of one sitter to two, for normal distributions within and between sitters (PLDA).

    The ratios of several models are added, as if their errors were independent: they rank pairs well, but their size is
    not calibrated.
    """

    needs_train = True

    def __init__(self, options: TwoCovarianceOptions) -> None:
        self.shrink, self.shrink_between = options.shrink, options.shrink_between
        self.axes: list[Axes] = []

    def fit(self, units: Sequence[Singles], sitters: Sequence[str], subset: Sequence[str], seed: int) -> None:
        """Fit the axes of each model on train and val sitters alike, because nothing is chosen on the val sitters.

        Raises:
            SitterError: no sitter has two images, or sitters differ no more than their own images do.
        """
        names = np.asarray(sitters)
        rows = [np.flatnonzero(names == name) for name in sorted(set(sitters))]
        several = sitters_with_two(sitters, "plda")
        self.axes = [fit_axes(unit, rows, several, self.shrink, self.shrink_between) for unit in units]

    def apply(self, units: Sequence[Singles]) -> Singles:
        """Fuse float32 [n, d_1] … [n, d_k] to [n, r_1 + … + r_k + 1] with rows of length 1."""
        phi = np.concatenate([axes.phi(unit) for axes, unit in zip(self.axes, units, strict=True)], axis=1)
        limit = self.slope
        phi *= np.sqrt(np.minimum(1, limit / np.maximum((phi**2).sum(1, keepdims=True), np.finfo(np.float64).tiny)))
        last = np.sqrt(np.maximum(limit - (phi**2).sum(1, keepdims=True), 0))
        return normalise(np.concatenate([phi, last], axis=1).astype(np.float32))

    @property
    def slope(self) -> float:
        """R², the factor of the cosine in the log likelihood ratio."""
        return LIFT * sum(axes.expected for axes in self.axes)

    @property
    def offset(self) -> float:
        """The constant that is added in the log likelihood ratio."""
        return sum(axes.most for axes in self.axes) - self.slope

    def ratios(self, scores: Singles) -> NDArray[np.float64]:
        """Return log likelihood ratios (base e) of cosines of fused vectors, in the shape given."""
        return self.slope * scores.astype(np.float64) + self.offset

    def state(self) -> dict[str, Singles]:
        """Return `mean.0`, `map.0`, `psi.0`, `mean.1` …; see `Axes`."""
        return {
            f"{part}.{n}": getattr(axes, part) for n, axes in enumerate(self.axes) for part in ("mean", "map", "psi")
        }

    def load(self, state: dict[str, Singles]) -> None:
        """Restore the axes."""
        self.axes = [Axes(state[f"mean.{n}"], state[f"map.{n}"], state[f"psi.{n}"]) for n in range(len(state) // 3)]

    def findings(self) -> dict[str, Any]:
        """Return the calibration by the model itself (log likelihood ratio = slope × cosine + offset)."""
        return {"calibration": {"slope": round(self.slope, 6), "offset": round(self.offset, 6)}}


def fit_axes(
    units: Singles,
    rows: Sequence[NDArray[np.intp]],
    several: Sequence[NDArray[np.intp]],
    shrink: float,
    shrink_between: float,
) -> Axes:
    """Fit the two-covariance model by the method of moments; all sitters have the same weight.

    W is shrunk as in `wccn`. B is the covariance of the sitters' means, minus the part of W that remains in means of
    few images. It is shrunk towards the identity times its mean variance, and negative variances become zero.

    Args:
        units: float32 [n, d].
        rows: the rows of each sitter.
        several: the rows of each sitter with two images or more.
        shrink, shrink_between: see the options.

    Raises:
        SitterError: sitters differ no more than their own images do.
    """
    d = units.shape[1]
    means = np.stack([units[own].mean(0, dtype=np.float64) for own in rows])
    within = within_covariance(units, several)
    size = max(float(np.trace(within)) / d, 1e-12)
    left = float(np.mean([1 / len(own) for own in rows]))
    between = (np.cov(means, rowvar=False) if len(means) > 1 else np.zeros((d, d))) - left * within
    if np.trace(between) <= 0:
        raise SitterError("fusion plda: sitters under fit_on differ no more than images of one sitter do.")
    between = (1 - shrink_between) * between + shrink_between * np.trace(between) / d * np.eye(d)
    white = whitening(units, several, shrink) / np.sqrt(size)
    psi, axes = np.linalg.eigh(white @ between @ white)
    kept = psi > LEAST
    return Axes(
        means.mean(0).astype(np.float32),
        (white @ axes[:, kept]).astype(np.float32),
        psi[kept].astype(np.float32),
    )
