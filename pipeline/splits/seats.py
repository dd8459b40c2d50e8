"""The seats of a data set's images: each image has a subset and a fold, or is not used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from pipeline.core.errors import SitterError
from pipeline.splits.copies import Copies
from pipeline.store.accounts import AccountedImage
from pipeline.store.splits import SUBSETS, UNIDENTIFIED, UNUSED, Seated

if TYPE_CHECKING:
    from pipeline.params.split import ByImage


class Seat(NamedTuple):
    """The subset and fold of a sitter or an image."""

    subset: str
    fold: int


NO_SEAT = Seat(UNUSED, 0)


def seated(
    images: Sequence[AccountedImage], seats: Iterable[Seat], copies: Copies, one_side: bool = True
) -> list[Seated]:
    """Return the rows of a split: each image on its seat, unless another image of the same picture counts already.

    Unidentified portraits have no seat. Renderings of one photograph are near-duplicates, so val and test use only the
    first one.

    Args:
        images: the images of the data set.
        seats: the seat of each image.
        copies: the images that show the same picture; each of their rows names the best of them.
        one_side: leave out copies, and keep each picture in one subset and fold. A data set that comes with pairs
            keeps all images.
    """
    rows = []
    for image, (subset, fold) in zip(images, seats, strict=True):
        if not image.sitter:
            subset, fold = UNIDENTIFIED, 0
        elif subset != "train" and image.rendering not in ("", "0"):
            subset = UNUSED
        rows.append(Seated(image.image_id, image.sitter, subset, fold, image.origin, ""))
    by_id = {row.image_id: row for row in rows} if copies.pictures else {}
    for picture in copies.pictures:
        own = [by_id[image_id] for image_id in picture.images]
        for row in own:
            row.picture = picture.images[0]
        if one_side:
            _leave_out(own, picture.is_placeholder)
    return rows


def _leave_out(own: Sequence[Seated], placeholder: bool) -> None:
    """Mark images of one picture (the best first) as unused if they must not count."""
    seen: set[str] = set()
    for row in own:
        if placeholder or row.sitter in seen:
            row.subset = UNUSED
        elif row.subset != UNUSED:
            seen.add(row.sitter)
    sides = [_side(row) for row in own if row.subset in SUBSETS]
    for row in own:
        if row.subset not in SUBSETS:
            continue
        learned = row.subset != "test" and sides.count(min(sides)) > 1  # one picture under two names: a label is wrong
        if learned or _side(row) != min(sides):
            row.subset = UNUSED


def _side(row: Seated) -> tuple[int, str]:
    """Return a key that sorts the side to keep first: by subset, then by fold as text, as in all earlier splits."""
    return SUBSETS.index(row.subset), str(row.fold)


def check_filled(rows: Iterable[Seated], entry: ByImage, dataset: str) -> None:
    """Raise SitterError if a subset with a share has no image; not if all portraits are unidentified."""
    count = Counter(row.subset for row in rows)
    shares = {"test": entry.test, "val": entry.val, "train": 1 - entry.test - entry.val}
    for subset, share in shares.items():
        if share > 1e-9 and not count[subset] and set(count) != {UNIDENTIFIED}:
            raise SitterError(
                f"split.{dataset}: {count.total()} images are too few: the share of {subset}, {share:.3g}, comes to "
                "none of them. Change the shares, or add images."
            )
