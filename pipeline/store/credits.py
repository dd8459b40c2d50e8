"""Captions and links of pictures from their sources: artist, title, year and so on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.core.layout import Layout
from pipeline.store.accounts import each_account, has_account
from pipeline.store.columns import ARTIST, CREDIT, INSTITUTION, INVENTORY, MEDIUM, PAGE, TITLE, URL, YEAR

CAPTION = (ARTIST, TITLE, YEAR, MEDIUM, INSTITUTION, INVENTORY, CREDIT)
"""Columns of a caption, in this order; candidates.csv has all columns."""
LINK = (URL, PAGE)
"""Columns of addresses: the picture, and the page that shows it."""


@dataclass(frozen=True)
class Credit:
    """Caption and link of a picture from its source; empty if the source has none."""

    caption: str = ""
    """Artist, title, year and so on."""
    link: str = ""
    """The address of the picture's page; if there is none, the address of the picture."""


UNKNOWN = Credit()


def caption(columns: Mapping[str, str]) -> list[str]:
    """Return the parts of a caption: artist, title, year and so on, as far as the source has them."""
    return [columns[column] for column in CAPTION if columns.get(column)]


def read_credits(dataset: str, at: Layout) -> dict[str, Credit]:
    """Read the credits of a data set by image id; images without caption and link are left out.

    Only addresses with http or https are kept, so that no page links to a script or a file.
    """
    images = each_account(dataset, at=at) if has_account(dataset, at) else ()
    found = ((image.image_id, _credit(image.columns)) for image in images)
    return {image_id: credit for image_id, credit in found if credit != UNKNOWN}


def _credit(columns: Mapping[str, str]) -> Credit:
    link = next((columns[column] for column in reversed(LINK) if columns.get(column)), "")
    return Credit(", ".join(caption(columns)), link if link.startswith(("https://", "http://")) else "")
