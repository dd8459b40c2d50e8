"""Turns what an IIIF manifest says of its object into the columns of a user's list of portraits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from pipeline.core.errors import SitterError, nearest
from pipeline.formats.iiif_presentation import Canvas, Manifest
from pipeline.formats.iiif_text import BETWEEN, by_language, text
from pipeline.sources.listing import KNOWN, OWN, plain_text
from pipeline.store.columns import (
    ARTIST,
    CREDIT,
    INSTITUTION,
    INVENTORY,
    LICENCE,
    MEDIUM,
    PAGE,
    RESERVED,
    TITLE,
    YEAR,
    kept_as,
)

MANIFEST = "manifest"
"""Column: the manifest's URI."""
VIEW = "view"
"""Column: the label of the canvas."""
SITTER = "sitter"
NAMED = (SITTER, *KNOWN)
"""Columns that a study may fill from a label."""
# Labels that museums use, in small letters; labels that a study names take precedence.
USUAL: Mapping[str, tuple[str, ...]] = {
    ARTIST: (
        *("artist", "artists", "creator", "creators", "maker", "painter", "artist/maker", "künstler", "künstler/in"),
        *("maler", "artiste", "auteur", "kunstenaar", "vervaardiger"),
    ),
    TITLE: ("title", "titel", "titre"),
    YEAR: (
        "date",
        "year",
        "date created",
        "creation date",
        "dated",
        "datierung",
        "datum",
        "jahr",
        "année",
        "datering",
    ),
    MEDIUM: (
        "medium",
        "materials",
        "material",
        "technique",
        "materials and techniques",
        "material/technik",
        "matériaux",
    ),
    INSTITUTION: ("institution", "repository", "holding institution", "owner", "museum", "holding museum"),
    INVENTORY: (
        *("accession number", "inventory number", "object number", "inventarnummer", "objectnummer"),
        *("numéro d'inventaire", "identifier"),
    ),
}


class Described(NamedTuple):
    """What a manifest says of a portrait."""

    sitter: str
    known: Mapping[str, str]
    """The columns that Sitter knows, and each other label in small letters."""


NOTHING = Described("", {})


def check_columns(columns: Mapping[str, str], where: str) -> None:
    """Raise SitterError where a label is given for a column that takes none."""
    for name in columns:
        if name not in NAMED:
            raise SitterError(f"{where}.columns names {name!r}, which is none of ours; {nearest(name, NAMED)}")


def described(manifest: Manifest, canvas: Canvas, columns: Mapping[str, str], language: str) -> Described:
    """Return what a manifest says of a portrait.

    Args:
        manifest: the manifest of the object.
        canvas: the view; its own values take precedence over the manifest's.
        columns: labels by our names of columns, in any language.
        language: the language to choose where a text has several.
    """
    labels = {our: (their,) for our, their in columns.items()}
    given: dict[str, list[str]] = {}
    further: dict[str, list[str]] = {}
    for metadata in (canvas.metadata, manifest.metadata):
        mine: dict[str, list[str]] = {}
        rest: dict[str, list[str]] = {}
        for label, value in metadata:
            words = plain_text(text(value, language))
            our = _column(label, labels) or _column(label, {k: v for k, v in USUAL.items() if k not in columns})
            name = our or _lower(text(label, language))
            if words and name:
                (mine if our else rest).setdefault(name, []).append(words)
        given, further = mine | given, rest | further
    said = {name: BETWEEN.join(words) for name, words in given.items()}
    own = {
        TITLE: text(manifest.label, language),
        INSTITUTION: text(manifest.institution, language),
        CREDIT: text(manifest.credit, language),
        LICENCE: manifest.licence,
        PAGE: manifest.page,
        MANIFEST: manifest.uri,
        VIEW: text(canvas.label, language) if len(manifest.canvases) > 1 else "",
    }
    sitter = said.pop(SITTER, "")
    found = {**{name: plain_text(words) for name, words in own.items() if words}, **said}
    names = kept_as(further, RESERVED | {*OWN, *KNOWN, MANIFEST, VIEW})
    return Described(sitter, found | {names[name]: BETWEEN.join(words) for name, words in further.items()})


def labels_in(manifests: Iterable[Manifest]) -> list[Any]:
    """Return the labels of all metadata, as delivered."""
    return [label for m in manifests for part in (m.metadata, *(c.metadata for c in m.canvases)) for label, _ in part]


def is_label(label: Any, words: str) -> bool:
    """Whether a label has these words in any of its languages; capitals and a colon at the end do not count."""
    return _column(label, {"": (words,)}) is not None


def _column(label: Any, labels: Mapping[str, tuple[str, ...]]) -> str | None:
    """Return the column that a label stands for in any of its languages."""
    said = {_lower(words) for texts in by_language(label).values() for words in texts}
    return next((our for our, theirs in labels.items() if said & {_lower(their) for their in theirs}), None)


def _lower(label: str) -> str:
    return plain_text(label).replace("\n", " ").rstrip(":").rstrip().casefold()
