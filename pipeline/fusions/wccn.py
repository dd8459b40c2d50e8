"""Within-class covariance normalisation: directions in which portraits of one sitter differ count for less.

Hatch, Kajarekar & Stolcke 2006, "Within-class covariance normalization for SVM-based speaker recognition": units are
multiplied by W^(−½), W being the mean covariance of a sitter's images. Closed form, so that a few hundred images of a
few dozen sitters are enough where gradient descent learns them by heart.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import SitterError
from pipeline.fusions.fused import Array, Kind
from pipeline.params.fusions.wccn import WithinClassOptions
from pipeline.store.embeddings import Floats, normalise


class WithinClass(Kind):
    """Unit vectors whitened by how a sitter's images differ, then concatenated with equal weights."""

    needs_train = True

    def __init__(self, options: WithinClassOptions) -> None:
        self.shrink = options.shrink
        self.maps: list[Array] = []

    def fit(self, units: Sequence[Floats], sitters: Sequence[str], subset: Sequence[str], seed: int) -> None:
        """The maps of each model, from train and val sitters alike: nothing is chosen by the latter.

        Raises:
            SitterError: no sitter has two images.
        """
        rows = sitters_with_two(sitters, "wccn")
        self.maps = [whitening(unit, rows, self.shrink).astype(np.float32) for unit in units]

    def apply(self, units: Sequence[Floats]) -> Floats:
        """float32 [n, d_1] … [n, d_k] to [n, d_1 + … + d_k], rows of length 1."""
        parts = [normalise(unit @ m) for unit, m in zip(units, self.maps, strict=True)]
        return normalise(cast(Floats, np.concatenate(parts, axis=1)))

    def state(self) -> dict[str, Array]:
        """`map.0`, `map.1` …: float32 [d_m, d_m]."""
        return {f"map.{n}": m for n, m in enumerate(self.maps)}

    def load(self, state: dict[str, Array]) -> None:
        """Put the maps back."""
        self.maps = [state[f"map.{n}"] for n in range(len(state))]


def sitters_with_two(sitters: Sequence[str], kind: str) -> list[NDArray[np.intp]]:
    """Return the rows of each sitter with two images or more, sitters in the order of their names.

    Raises:
        SitterError: there is none; names the kind of fusion.
    """
    names = np.asarray(sitters)
    rows = [np.flatnonzero(names == name) for name in sorted(set(sitters))]
    rows = [own for own in rows if len(own) > 1]
    if not rows:
        raise SitterError(f"fusion {kind} learns how a sitter's images differ, but no sitter under fit_on has two.")
    return rows


def within_covariance(units: Floats, rows: Sequence[NDArray[np.intp]]) -> NDArray[np.float64]:
    """Return the mean over sitters of the unbiased covariance of a sitter's images, float64 [d, d].

    One with thirty images counts as one with two.

    Args:
        units: float32 [n, d].
        rows: of each sitter, two or more.
    """
    within = np.zeros((units.shape[1],) * 2)
    for own in rows:
        apart = units[own] - units[own].mean(0, dtype=np.float64)
        within += apart.T @ apart / (len(own) - 1)
    return within / len(rows)


def whitening(units: Floats, rows: Sequence[NDArray[np.intp]], shrink: float) -> NDArray[np.float64]:
    """W^(−½) with W = (1 − shrink) Σ + shrink · tr(Σ) / d · I, symmetric, float64 [d, d].

    Σ is `within_covariance`.

    Args:
        units: float32 [n, d].
        rows: of each sitter, two or more.
        shrink: above 0, since there are fewer images than directions.
    """
    d = units.shape[1]
    within = within_covariance(units, rows)
    size = max(float(np.trace(within)) / d, 1e-12)  # images that are all the same: the identity is left
    values, axes = np.linalg.eigh((1 - shrink) * within / size + shrink * np.eye(d))
    found: NDArray[np.float64] = (axes / np.sqrt(values)) @ axes.T
    return found
