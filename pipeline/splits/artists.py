"""The artists of a data set's images.

An image may have several artists in one cell, separated by `|`, `;`, `/`, `&`, the word `and`, or a line break.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pipeline.core.errors import SitterError
from pipeline.core.names import same
from pipeline.core.nobody import nobody, several
from pipeline.store.accounts import ALIGNED, Account
from pipeline.store.columns import ARTIST

if TYPE_CHECKING:
    from pipeline.params.nobody import Nobody

Artists = Mapping[str, tuple[str, ...]]
"""The artists of each image, by image id."""


def known_artists(account: Account, words: Nobody, unknown: Sequence[str], dataset: str) -> dict[str, tuple[str, ...]]:
    """Return the artists of each image of a known sitter, by image id; images without a known artist are left out.

    Args:
        account: the account of the data set's images.
        words: the words that name nobody.
        unknown: further words that name no artist.
        dataset: the name of the data set, for messages.

    Raises:
        SitterError: the account has no column `artist`, or no image has a known artist.
    """
    if ARTIST not in account.columns:
        raise SitterError(
            f"split.{dataset}.artists needs the artists of the images, but data/faces/{dataset}/faces.csv has no "
            f"column artist: add it to the CSV that download.{dataset} reads (or name it by `columns: {{artist: "
            "NAME}`), or set `artists: ignore`."
        )
    found: dict[str, tuple[str, ...]] = {}
    of: dict[str, tuple[str, ...]] = {}
    is_nobody = nobody((*words.also, *unknown), words.names)
    for image in account.images:
        if image.status != ALIGNED or not image.sitter:
            continue
        cell = image.artist
        if cell not in of:
            of[cell] = tuple(dict.fromkeys(same(name) for name in several(cell) if not is_nobody(name)))
        if of[cell]:
            found[image.image_id] = of[cell]
    if not found:
        raise SitterError(
            f"split.{dataset}.artists: no image of data/faces/{dataset}/faces.csv has a known artist: fill the column "
            "artist, or set `artists: ignore`."
        )
    return found
