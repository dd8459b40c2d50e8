"""Images seated where their sitters or photographs stand in another data set."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

from pipeline.core.errors import SitterError
from pipeline.core.names import warn_of_alike
from pipeline.splits.seats import NO_SEAT, Seat
from pipeline.store.accounts import AccountedImage
from pipeline.store.splits import UNIDENTIFIED, UNUSED, Seated

logger = logging.getLogger(__name__)

SHOWN = 5


def seats_of_another(
    images: Sequence[AccountedImage],
    others: Iterable[Seated],
    split_by: str,
    dataset: str,
    other: str,
    table: Path,
) -> list[Seat]:
    """Return a seat for each image: its sitter's seat in another data set, or the seat of the photograph it renders.

    Sitters (photographs) that the other data set does not hold are unused, with a warning. Renderings of an image that
    the other data set leaves out are unused, too.

    Args:
        images: of the data set.
        others: images of the other data set, as they are split.
        split_by: the kind of the other split: by `images`, photographs are looked up, otherwise sitters.
        dataset, other, table: the data sets' names, and the other's file, for messages.

    Raises:
        SitterError: the other data set holds none of the sitters (photographs).
    """
    by_photograph = split_by == "images"
    seats: dict[str, Seat] = {}
    left_out = set()
    for row in others:
        name = row.image_id if by_photograph else row.sitter
        if row.subset != UNIDENTIFIED and (row.subset != UNUSED or name not in seats):
            seats[name] = Seat(row.subset, row.fold)
        if row.subset == UNUSED:
            left_out.add(row.image_id)
    names = {image.origin if by_photograph else image.sitter for image in images if image.sitter}
    if not by_photograph:
        warn_of_alike(names, seats, dataset, other)
    strangers, what = sorted(names - seats.keys()), "photographs" if by_photograph else "sitters"
    if len(strangers) == len(names):
        raise SitterError(
            f"split.{dataset}: none of its {what} ({', '.join(strangers[:SHOWN])} …) stands in {table}: name the "
            "data set that they come from, or use `kind: sitters`."
        )
    if strangers:
        shown = ", ".join(strangers[:SHOWN]) + (" …" if len(strangers) > SHOWN else "")
        logger.warning(f"{len(strangers)} {what} of {dataset} are not in {table} and stay unused: {shown}")
    found = []
    for image in images:
        seat = seats.get(image.origin if by_photograph else image.sitter, NO_SEAT)
        found.append(Seat(UNUSED, seat.fold) if image.origin in left_out else seat)
    return found
