"""Concatenation with equal weights: the cosine of the fused vectors is the mean of the models' cosines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np

from pipeline.core.numbers import Singles
from pipeline.fusions.fused import Kind
from pipeline.store.embeddings import normalise


class Concat(Kind):
    """Unit vectors, concatenated and scaled to length 1 (ArtFace, arXiv 2508.20626)."""

    def fit(self, units: Sequence[Singles], sitters: Sequence[str], subset: Sequence[str], seed: int) -> None:
        """Learn nothing."""

    def apply(self, units: Sequence[Singles]) -> Singles:
        """Fuse float32 [n, d_1] … [n, d_k] to [n, d_1 + … + d_k]."""
        return normalise(cast(Singles, np.concatenate(units, axis=1)))
