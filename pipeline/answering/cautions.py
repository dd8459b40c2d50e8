"""What a person should know before believing a candidate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from pipeline.core.names import same
from pipeline.core.nobody import several
from pipeline.store.columns import ARTIST

if TYPE_CHECKING:
    from pipeline.core.pixels import RGBImage

SAME_ARTIST = "both by {artist}: a painter's hand can pass for a likeness"
BOUND = "as far as the known portraits support a ratio: the true one may be larger"
COPY = "its reference is the same picture, so that the likeness says nothing"
LEARNED = "the model has learned from this sitter, and may be too sure"


def shared_artist(one: Mapping[str, str], other: Mapping[str, str], is_nobody: Callable[[str], bool]) -> str:
    """Return an artist whom two images share, in the spelling of the first; empty if they share none.

    >>> shared_artist({"artist": "Hals, Frans|N.N."}, {"artist": "hals, frans"}, lambda name: name == "N.N.")
    'Hals, Frans'
    """
    theirs = {same(name) for name in several(other.get(ARTIST) or "") if not is_nobody(name)}
    return next((n for n in several(one.get(ARTIST) or "") if same(n) in theirs), "")


def same_picture(one: RGBImage, other: RGBImage) -> bool:
    """Whether two crops, uint8 [112, 112, 3], show one picture, by the rule of `faces.duplicates` for two sitters."""
    from pipeline.faces.duplicates import COARSE_AT_LEAST, FINE_AT_LEAST, SIGNS, registered_similarity
    from pipeline.faces.sketches import sketch

    (hash_a, patch_a), (hash_b, patch_b) = sketch(one), sketch(other)
    if int(hash_a.astype(int) @ hash_b.astype(int)) < SIGNS or float(patch_a @ patch_b) < COARSE_AT_LEAST:
        return False
    return registered_similarity(one, other) >= FINE_AT_LEAST
