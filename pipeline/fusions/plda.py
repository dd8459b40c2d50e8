"""Probabilistic linear discriminant analysis: cosines that stand for log likelihood ratios, in closed form.

The two-covariance model (Brümmer & de Villiers 2010, "The speaker partitioning problem"): an image is x = y + e with
y ~ N(μ, B) its sitter's and e ~ N(0, W) its own. Axes that make W the identity and B diagonal, diag(ψ), give u, and the
log likelihood ratio of one sitter to two is, with φ = u √(ψ / (2ψ + 1)) and h = Σ ψ u² / (2 (2ψ + 1) (ψ + 1)),

    LLR(u, v) = −½ |φ(u) − φ(v)|² + h(u) + h(v) + Σ (log (ψ + 1) − ½ log (2ψ + 1)).

A cosine of an image with itself is 1 and this is not, so that no vectors have it as their cosine. But the vectors that
come in have length 1, and their length says nothing. As is usual before PLDA (Garcia-Romero & Espy-Wilson 2011,
"Analysis of i-vector length normalization in speaker recognition systems"), each u is given another one, here that with
which h is what the model expects of it. What remains is a distance. A further value, √(R² − |φ|²), makes
of it a cosine: LLR = R² (cosine − 1) + constant. The approximation is off by (|φ(u)|² − |φ(v)|²)² / (8 R²) or little
more; R² is `LIFT` times what the model expects of |φ|², and a longer φ is shortened to R.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import SitterError
from pipeline.fusions.fused import Array, Kind
from pipeline.fusions.wccn import sitters_with_two, whitening, within_covariance
from pipeline.params.fusions.plda import TwoCovarianceOptions
from pipeline.store.embeddings import Floats, normalise

Matrix = NDArray[np.float64]
LIFT = 4.0
LEAST = 1e-6
"""ψ up to which an axis says nothing and is left out."""


@dataclass(frozen=True)
class Axes:
    """The fitted model of one recogniser's vectors."""

    mean: Array
    """float32 [d], of sitters."""
    map: Array
    """float32 [d, r]: (x − mean) @ map has the identity within sitters."""
    psi: Array
    """float32 [r]: and this variance between them."""

    def scaled(self, x: Floats) -> Matrix:
        """Return u of vectors [n, d], each with the length at which h is what the model expects: float64 [n, r]."""
        u = (x.astype(np.float64) - self.mean) @ self.map.astype(np.float64)
        psi = self.psi.astype(np.float64)
        weight = psi / ((2 * psi + 1) * (psi + 1))
        size = (u**2 @ weight)[:, None]
        found: Matrix = u * np.sqrt((weight @ (psi + 1)) / np.maximum(size, np.finfo(np.float64).tiny))
        return found

    def phi(self, x: Floats) -> Matrix:
        """Return φ of vectors [n, d]: float64 [n, r]."""
        psi = self.psi.astype(np.float64)
        return self.scaled(x) * np.sqrt(psi / (2 * psi + 1))

    @property
    def expected(self) -> float:
        """What the model expects of |φ|²."""
        psi = self.psi.astype(np.float64)
        return float((psi * (psi + 1) / (2 * psi + 1)).sum())

    @property
    def most(self) -> float:
        """The log likelihood ratio (to the base e) of two images whose φ are the same."""
        psi = self.psi.astype(np.float64)
        return float((np.log(psi + 1) - np.log(2 * psi + 1) / 2 + psi / (2 * psi + 1)).sum())


class TwoCovariance(Kind):
    """Log likelihood ratio of one sitter to two, of normal distributions within and between sitters (PLDA).

    Those of several models are added, as if the models erred independently: the order is right, not the size.
    """

    needs_train = True

    def __init__(self, options: TwoCovarianceOptions) -> None:
        self.shrink, self.shrink_between = options.shrink, options.shrink_between
        self.axes: list[Axes] = []

    def fit(self, units: Sequence[Floats], sitters: Sequence[str], subset: Sequence[str], seed: int) -> None:
        """The axes of each model, from train and val sitters alike: nothing is chosen by the latter.

        Raises:
            SitterError: no sitter has two images, or sitters differ no more than their own images do.
        """
        names = np.asarray(sitters)
        rows = [np.flatnonzero(names == name) for name in sorted(set(sitters))]
        several = sitters_with_two(sitters, "plda")
        self.axes = [fit_axes(unit, rows, several, self.shrink, self.shrink_between) for unit in units]

    def apply(self, units: Sequence[Floats]) -> Floats:
        """float32 [n, d_1] … [n, d_k] to [n, r_1 + … + r_k + 1], rows of length 1."""
        phi = np.concatenate([axes.phi(unit) for axes, unit in zip(self.axes, units, strict=True)], axis=1)
        limit = self.slope
        phi *= np.sqrt(np.minimum(1, limit / np.maximum((phi**2).sum(1, keepdims=True), np.finfo(np.float64).tiny)))
        last = np.sqrt(np.maximum(limit - (phi**2).sum(1, keepdims=True), 0))
        return normalise(np.concatenate([phi, last], axis=1).astype(np.float32))

    @property
    def slope(self) -> float:
        """R²: what a cosine is multiplied by in a log likelihood ratio."""
        return LIFT * sum(axes.expected for axes in self.axes)

    @property
    def offset(self) -> float:
        """What is then added."""
        return sum(axes.most for axes in self.axes) - self.slope

    def ratios(self, scores: Floats) -> NDArray[np.float64]:
        """Return log likelihood ratios (base e) of cosines of fused vectors, in the shape given."""
        return self.slope * scores.astype(np.float64) + self.offset

    def state(self) -> dict[str, Array]:
        """`mean.0`, `map.0`, `psi.0`, `mean.1` …: see `Axes`."""
        return {
            f"{part}.{n}": getattr(axes, part) for n, axes in enumerate(self.axes) for part in ("mean", "map", "psi")
        }

    def load(self, state: dict[str, Array]) -> None:
        """Put the axes back."""
        self.axes = [Axes(state[f"mean.{n}"], state[f"map.{n}"], state[f"psi.{n}"]) for n in range(len(state) // 3)]

    def findings(self) -> dict[str, Any]:
        """Calibration by the model itself (log likelihood ratio = slope × cosine + offset)."""
        return {"calibration": {"slope": round(self.slope, 6), "offset": round(self.offset, 6)}}


def fit_axes(
    units: Floats,
    rows: Sequence[NDArray[np.intp]],
    several: Sequence[NDArray[np.intp]],
    shrink: float,
    shrink_between: float,
) -> Axes:
    """Return the two-covariance model by the method of moments, sitters counting alike.

    W is shrunk as in `wccn`. B is the covariance of the sitters' means, less the part of W that is left in means of few
    images, shrunk to the identity times its mean variance; where it is negative it is zero.

    Args:
        units: float32 [n, d].
        rows: of each sitter.
        several: those of two images or more.
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
