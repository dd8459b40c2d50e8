"""What the sources of pictures say of them, as a caption shows it: artist, title, year and so on, and a link."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.core.layout import HERE, Layout
from pipeline.store.accounts import each_account, has_account

CAPTION = ("artist", "title", "year", "medium", "institution", "inventory", "credit")
"""Columns of a caption, in this order; others stand in candidates.csv."""
LINK = ("url", "page")
"""Columns of addresses: of the picture, and of the page that shows it."""


@dataclass(frozen=True)
class Credit:
    """What the source of a picture says of it; empty where it says nothing."""

    caption: str = ""
    """Artist, title, year and so on."""
    link: str = ""
    """The address of the picture's page, or else of the picture."""


UNKNOWN = Credit()


def caption(columns: Mapping[str, str]) -> list[str]:
    """Return what a caption says of a picture: artist, title, year and so on, as far as its source knows them."""
    return [columns[column] for column in CAPTION if columns.get(column)]


def read_credits(dataset: str, at: Layout = HERE) -> dict[str, Credit]:
    """Read what the source of a data set says of its images, by image id; those of which it says nothing are left out.

    Addresses that are not of the web are left out, so that no page links to a script or a file.
    """
    rows = each_account(dataset, at=at) if has_account(dataset, at) else ()
    found = ((row["image_id"], _credit(row)) for row in rows)
    return {image_id: credit for image_id, credit in found if credit != UNKNOWN}


def _credit(columns: Mapping[str, str]) -> Credit:
    link = next((columns[column] for column in reversed(LINK) if columns.get(column)), "")
    return Credit(", ".join(caption(columns)), link if link.startswith(("https://", "http://")) else "")
