"""Within-class covariance normalisation: directions in which portraits of one sitter differ count for less.

Unit vectors are multiplied by W^(−½), where W is the mean covariance of a sitter's images (Hatch, Kajarekar & Stolcke
2006, "Within-class covariance normalization for SVM-based speaker recognition"). The solution is in closed form, so a
few hundred images of a few dozen sitters are enough; gradient descent would memorise them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import SitterError
from pipeline.core.numbers import Singles
from pipeline.fusions.fused import Kind
from pipeline.params.fusions.wccn import WithinClassOptions
from pipeline.store.embeddings import normalise


class WithinClass(Kind):
    """Unit vectors, whitened by the covariance of a sitter's images, then concatenated with equal weights."""

    needs_train = True

    def __init__(self, options: WithinClassOptions) -> None:
        self.shrink = options.shrink
        self.maps: list[Singles] = []

    def fit(self, units: Sequence[Singles], sitters: Sequence[str], subset: Sequence[str], seed: int) -> None:
        """Fit the map of each model on train and val sitters alike, because nothing is chosen on the val sitters.

        Raises:
            SitterError: no sitter has two images.
        """
        rows = sitters_with_two(sitters, "wccn")
        self.maps = [whitening(unit, rows, self.shrink).astype(np.float32) for unit in units]

    def apply(self, units: Sequence[Singles]) -> Singles:
        """Fuse float32 [n, d_1] … [n, d_k] to [n, d_1 + … + d_k] with rows of length 1."""
        parts = [normalise(unit @ m) for unit, m in zip(units, self.maps, strict=True)]
        return normalise(cast(Singles, np.concatenate(parts, axis=1)))

    def state(self) -> dict[str, Singles]:
        """Return `map.0`, `map.1` …: float32 [d_m, d_m]."""
        return {f"map.{n}": m for n, m in enumerate(self.maps)}

    def load(self, state: dict[str, Singles]) -> None:
        """Restore the maps."""
        self.maps = [state[f"map.{n}"] for n in range(len(state))]


def sitters_with_two(sitters: Sequence[str], kind: str) -> list[NDArray[np.intp]]:
    """Return the rows of each sitter with two images or more, in the order of the sitters' names.

    Raises:
        SitterError: there is no such sitter; `kind` (of fusion) is for the message.
    """
    names = np.asarray(sitters)
    rows = [np.flatnonzero(names == name) for name in sorted(set(sitters))]
    rows = [own for own in rows if len(own) > 1]
    if not rows:
        raise SitterError(f"fusion {kind} learns how a sitter's images differ, but no sitter under fit_on has two.")
    return rows


def within_covariance(units: Singles, rows: Sequence[NDArray[np.intp]]) -> NDArray[np.float64]:
    """Return the mean over sitters of the unbiased covariance of a sitter's images, float64 [d, d].

    A sitter with thirty images has the same weight as a sitter with two.

    Args:
        units: float32 [n, d].
        rows: the rows of each sitter, two or more.
    """
    within = np.zeros((units.shape[1],) * 2)
    for own in rows:
        apart = units[own] - units[own].mean(0, dtype=np.float64)
        within += apart.T @ apart / (len(own) - 1)
    return within / len(rows)


def whitening(units: Singles, rows: Sequence[NDArray[np.intp]], shrink: float) -> NDArray[np.float64]:
    """Return W^(−½) with W = (1 − shrink) Σ + shrink · tr(Σ) / d · I, symmetric, float64 [d, d].

    Σ is `within_covariance`.

    Args:
        units: float32 [n, d].
        rows: the rows of each sitter, two or more.
        shrink: a number above 0, because there are fewer images than directions.
    """
    d = units.shape[1]
    within = within_covariance(units, rows)
    size = max(float(np.trace(within)) / d, 1e-12)  # if all images are the same, the identity remains
    values, axes = np.linalg.eigh((1 - shrink) * within / size + shrink * np.eye(d))
    found: NDArray[np.float64] = (axes / np.sqrt(values)) @ axes.T
    return found
