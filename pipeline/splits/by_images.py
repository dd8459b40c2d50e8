"""Each sitter's images dealt to train, val and test, as studies do that measure on sitters known from training."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
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
    lot = _lot(face, seed)
    share = int.from_bytes(lot[:8], "big") / 2**64
    subset = "test" if share < entry.test else "val" if share < entry.test + entry.val else "train"
    return subset, int.from_bytes(lot[8:16], "big") % entry.folds


def _picture(face: Mapping[str, str]) -> str:
    return face.get("origin") or face["image_id"]


def _lot(face: Mapping[str, str], seed: int) -> bytes:
    return hashlib.sha256(f"{seed}\0{_picture(face)}".encode()).digest()


def seats_of_each_sitter(faces: Iterable[Mapping[str, str]], entry: ByImage, seed: int) -> dict[str, str]:
    """Subset of the pictures that do not train, where the shares are those of each sitter's pictures.

    A sitter's pictures are put in an order that follows from seed and image_id. Of n, ⌊val · n⌋ validate and
    ⌊test · n⌋ are tested on, but at least one of each share while another is left to train.
    """
    of: dict[str, dict[str, bytes]] = defaultdict(dict)
    for face in faces:
        of[face["sitter"]][_picture(face)] = _lot(face, seed)
    found: dict[str, str] = {}
    for pictures in of.values():
        ordered = sorted(pictures, key=pictures.__getitem__)
        left = len(ordered)
        for subset, share in (("val", entry.val), ("test", entry.test)):
            number = min(max(1, int(share * len(ordered) + 1e-9)), left - 1) if share else 0
            found |= dict.fromkeys(ordered[left - number : left], subset)
            left -= number
    return found


def seat_by(chosen: Mapping[str, str], face: Mapping[str, str], entry: ByImage, seed: int) -> tuple[str, int]:
    """Subset and fold of one image, its subset as `seats_of_each_sitter` has chosen it."""
    return chosen.get(_picture(face), "train"), seat(face, entry, seed)[1]


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
