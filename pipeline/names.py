"""Names of sitters, artists and images: one spelling for names that read the same."""

from __future__ import annotations

import unicodedata


def nfc(text: str) -> str:
    """Return a text in Unicode's composed form (NFC, Unicode Standard Annex 15), in which all names are kept.

    A Mac's disk and some archives write «ë» as «e» and a combining mark: equal to the eye, different to a computer.
    """
    return unicodedata.normalize("NFC", text)


def same(name: str) -> str:
    """Return a key that is equal for names that differ only by case, spaces, underscores or the encoding of accents."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().replace("_", " ").split())
