"""Names of the columns that Sitter writes into tables of images, and new names for a user's columns of such names.

`manifest.csv` and `faces.csv` hold the user's own columns beside Sitter's. A museum's column `origin`, where a
painting is from, must not be taken for the photograph that a rendering was made of.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

GIVEN = ("image_id", "path", "sitter", "sha256")
"""Written by every source; in a user's list these columns have the same meaning."""
WRITTEN = "sitter_as_written"
"""The source's original text for the sitter of an unidentified portrait, or of one with another spelling."""
SITTER_ID = "sitter_id"
"""Identifier of the sitter in a user's list: from Wikidata, ULAN or the museum itself."""
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
