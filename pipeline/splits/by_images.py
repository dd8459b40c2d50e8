"""Each sitter's images dealt to train, val and test, as studies do that measure on sitters known from training."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from pipeline.core.errors import SitterError

if TYPE_CHECKING:
    from pipeline.params.split import ByImage


def seat(face: Mapping[str, str], entry: ByImage, seed: int) -> tuple[str, int]:
    """Subset and fold of one image.

    They follow from a hash of seed and image_id alone, so no image ever moves because others are added or taken away,
    and a larger share only takes images over. A share is met by each sitter's images as a coin is by throws: on
    average. What was rendered stands where its photograph does.
    """
    lot = hashlib.sha256(f"{seed}\0{face.get('origin') or face['image_id']}".encode()).digest()
    share = int.from_bytes(lot[:8], "big") / 2**64
    subset = "test" if share < entry.test else "val" if share < entry.test + entry.val else "train"
    return subset, int.from_bytes(lot[8:16], "big") % entry.folds


def check_shares(rows: Iterable[Mapping[str, str]], entry: ByImage, dataset: str) -> None:
    """Raise SitterError where a subset that was asked for has no image."""
    count = Counter(row["subset"] for row in rows)
    shares = {"test": entry.test, "val": entry.val, "train": 1 - entry.test - entry.val}
    for subset, share in shares.items():
        if share > 1e-9 and not count[subset]:
            raise SitterError(
                f"split.{dataset}: {count.total()} images are too few: the share of {subset}, {share:.3g}, comes to "
                "none of them. Change the shares, or add images."
            )
