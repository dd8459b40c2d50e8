"""The test images that the stage `overlap` leaves out of what is judged and shown: `excluded.csv` of each entry."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.core.files import read_csv
from pipeline.plan import layout


def read_excluded(names: Iterable[str]) -> set[str]:
    """Return the ids of the images that some entries of `overlap` leave out.

    Raises:
        SitterError: the file of an entry is not there, or is no table with the column `image_id`.
    """
    return {row["image_id"] for name in names for row in read_csv(layout.overlap(name) / "excluded.csv", ["image_id"])}
