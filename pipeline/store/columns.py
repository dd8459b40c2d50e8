"""Columns that Sitter writes into tables of images: their names and cells, and new names for a user's columns.

`manifest.csv` and `faces.csv` hold the user's own columns beside Sitter's. A museum's column `origin`, where a
painting is from, must not be taken for the photograph that a rendering was made of.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from pipeline.core.errors import SitterError

GIVEN = ("image_id", "path", "sitter", "sha256")
"""Written by every source; in a user's list these columns have the same meaning."""
WRITTEN = "sitter_as_written"
"""The source's original text for the sitter of an unidentified portrait, or of one with another spelling."""
SITTER_ID = "sitter_id"
"""Identifier of the sitter in a user's list: from Wikidata, ULAN or the museum itself."""
DESCRIBED = ("artist", "year", "title", "medium", "institution", "inventory", "credit", "page")
"""What a source says of the picture itself; `page` is the address of the page that shows it."""
ARTIST, YEAR, TITLE, MEDIUM, INSTITUTION, INVENTORY, CREDIT, PAGE = DESCRIBED
LICENCE = "licence"
"""Terms of use of an image: what the source says of each, or of all."""
URL = "url"
"""The address from which a source has fetched an image."""
RENDERED = ("origin", "rendering", "style")
"""Written by `render`."""
PAIRS = "pairs"
"""Written by sources that come with pairs."""
FOUND = (
    *("status", "reason", "faces", "detector", "scale", "score", "x0", "y0", "x1", "y1", "width", "height"),
    *("misfit", "others", "corrected"),
)
"""Written by `align`."""
DEALT = ("subset", "fold")
"""Written by `split`."""
RESERVED = frozenset({WRITTEN, *RENDERED, PAIRS, *FOUND, *DEALT})
"""Names that a user's column cannot have."""
PREFIX = "their_"
PLACE = re.compile(r"(\d{1,9})([ab])([+-])")
BETWEEN_TEMPLATES = ";"


class PairPlace(NamedTuple):
    """One of two places in a pair that a data set comes with."""

    pair: int
    """Number of the pair."""
    side: str
    """`a` for the first image, `b` for the second."""
    genuine: bool


def kept_as(columns: Iterable[str], ours: Collection[str] = RESERVED) -> dict[str, str]:
    """Return the name under which each of a user's columns is kept: `their_NAME` where NAME is one of ours.

    >>> kept_as(["artist", "origin"])
    {'artist': 'artist', 'origin': 'their_origin'}
    """
    taken = dict.fromkeys(columns)
    found = {}
    for column in taken:
        name = column
        while name in ours or (name != column and name in taken):
            name = PREFIX + name
        found[column] = name
    return found


def sitter_id_of(columns: Mapping[str, str]) -> str:
    """Return the identifier of an image's sitter; empty if the columns of the image have none."""
    return columns.get(SITTER_ID) or ""


def with_sitter_id(columns: Mapping[str, str], sitter_id: str, written: str | None = None) -> dict[str, str]:
    """Return the columns of an image with its sitter's identifier and, if it is given, the name as the list has it."""
    found = {**columns, SITTER_ID: sitter_id}
    return found if written is None else {**found, WRITTEN: written}


def licence_column(licence: str | None) -> dict[str, str]:
    """Return the column of an image's terms of use; there is none if they are not known."""
    return {LICENCE: licence} if licence else {}


def licence_of(columns: Mapping[str, str]) -> str:
    """Return an image's terms of use; empty if its columns say nothing of them."""
    return columns.get(LICENCE) or ""


def pairs_column(places: Iterable[PairPlace]) -> dict[str, str]:
    """Return the column that tells the places of an image in pairs.

    >>> pairs_column([PairPlace(7, "a", True), PairPlace(12, "b", False)])
    {'pairs': '7a+ 12b-'}
    """
    return {PAIRS: " ".join(f"{place.pair}{place.side}{'+' if place.genuine else '-'}" for place in places)}


def pair_places(cell: str) -> list[PairPlace]:
    """Return the places in such a cell; raises SitterError if a word is no place."""
    found = []
    for word in cell.split():
        parts = PLACE.fullmatch(word)
        if parts is None:
            raise SitterError(f"{PAIRS} holds {word!r}; expected a place like 7a+ or 12b-.")
        found.append(PairPlace(int(parts[1]), parts[2], parts[3] == "+"))
    return found


def templates_cell(templates: Iterable[str]) -> str:
    """Return a cell with the ids of the templates that an image belongs to.

    >>> templates_cell(["12", "40"])
    '12;40'
    """
    return BETWEEN_TEMPLATES.join(templates)


def templates_in(cell: str) -> list[str]:
    """Return the ids in such a cell."""
    return [found for word in cell.split(BETWEEN_TEMPLATES) if (found := word.strip())]
