"""Each sitter's images dealt to train, val and test, as studies do that measure on sitters known from training."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from pipeline.splits.seats import Seat
from pipeline.store.accounts import AccountedImage

if TYPE_CHECKING:
    from pipeline.params.split import ByImage


def deal_images(images: Sequence[AccountedImage], entry: ByImage, seed: int) -> list[Seat]:
    """Return a seat for each image; what was rendered stands where its photograph does."""
    chosen = seats_of_each_sitter(images, entry, seed) if entry.of_each_sitter else {}
    seats = []
    for image in images:
        own = seat(_picture(image), entry, seed)
        seats.append(Seat(chosen.get(_picture(image), "train"), own.fold) if entry.of_each_sitter else own)
    return seats


def seat(picture: str, entry: ByImage, seed: int) -> Seat:
    """Return subset and fold of one picture, dealt by itself.

    They follow from a hash of seed and image_id alone, so no image ever moves because others are added or taken away,
    and a larger share only takes images over. A share is met by each sitter's images as a coin is by throws: on
    average.
    """
    lot = _lot(picture, seed)
    share = int.from_bytes(lot[:8], "big") / 2**64
    subset = "test" if share < entry.test else "val" if share < entry.test + entry.val else "train"
    return Seat(subset, int.from_bytes(lot[8:16], "big") % entry.folds)


def seats_of_each_sitter(images: Iterable[AccountedImage], entry: ByImage, seed: int) -> dict[str, str]:
    """Subset of the pictures that do not train, where the shares are those of each sitter's pictures.

    A sitter's pictures are put in an order that follows from seed and image_id. Of n, ⌊val · n⌋ validate and
    ⌊test · n⌋ are tested on, but at least one of each share while another is left to train.
    """
    of: dict[str, dict[str, bytes]] = defaultdict(dict)
    for image in images:
        if image.sitter:
            of[image.sitter][_picture(image)] = _lot(_picture(image), seed)
    found: dict[str, str] = {}
    for pictures in of.values():
        ordered = sorted(pictures, key=pictures.__getitem__)
        left = len(ordered)
        for subset, share in (("val", entry.val), ("test", entry.test)):
            number = min(max(1, int(share * len(ordered) + 1e-9)), left - 1) if share else 0
            found |= dict.fromkeys(ordered[left - number : left], subset)
            left -= number
    return found


def _picture(image: AccountedImage) -> str:
    return image.origin or image.image_id


def _lot(picture: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}\0{picture}".encode()).digest()
