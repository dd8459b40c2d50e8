"""The seats of a data set's images, and who loses one: each image has a subset and a fold, or is used for nothing."""

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
    """Where a sitter or an image stands."""

    subset: str
    fold: int


NO_SEAT = Seat(UNUSED, 0)


def seated(
    images: Sequence[AccountedImage], seats: Iterable[Seat], copies: Copies, one_side: bool = True
) -> list[Seated]:
    """Return the rows of a split: each image on its seat, unless what it shows counts already.

    Unidentified portraits have no seat. Of renderings of one photograph, near-duplicates, only the first is judged.

    Args:
        images: of the data set.
        seats: of each image.
        copies: the images that show the same picture; their rows name the best of them.
        one_side: leave out copies, and what would stand on two sides of a border between subsets or folds; a data set
            that comes with pairs keeps them.
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
    """Of the images that show one picture, the best first, leave out those that must not count."""
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
        learned = row.subset != "test" and sides.count(min(sides)) > 1  # one picture, two names: a wrong label
        if learned or _side(row) != min(sides):
            row.subset = UNUSED


def _side(row: Seated) -> tuple[int, str]:
    """Subset and fold, in the order in which they are kept; folds by their text, as in every split made before."""
    return SUBSETS.index(row.subset), str(row.fold)


def check_filled(rows: Iterable[Seated], entry: ByImage, dataset: str) -> None:
    """Raise SitterError where a subset that was asked for has no image; unidentified portraits have no subset."""
    count = Counter(row.subset for row in rows)
    shares = {"test": entry.test, "val": entry.val, "train": 1 - entry.test - entry.val}
    for subset, share in shares.items():
        if share > 1e-9 and not count[subset] and set(count) != {UNIDENTIFIED}:
            raise SitterError(
                f"split.{dataset}: {count.total()} images are too few: the share of {subset}, {share:.3g}, comes to "
                "none of them. Change the shares, or add images."
            )
