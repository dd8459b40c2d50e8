"""Texts of IIIF documents: language maps of Presentation API 3, language values of version 2, HTML in either."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

NO_LANGUAGE = ("none", "@none", "")
BETWEEN = "; "


def by_language(value: Any) -> dict[str, list[str]]:
    """Return the texts of a value by their language, "" for none; anything that is no text is left out.

    >>> by_language({"en": ["Ada"], "none": ["A. L."]}), by_language([{"@value": "Ada", "@language": "en"}, "A. L."])
    ({'en': ['Ada'], '': ['A. L.']}, {'en': ['Ada'], '': ['A. L.']})
    """
    found: dict[str, list[str]] = {}
    for part in value if isinstance(value, list) else [value]:
        if isinstance(part, dict) and "@value" in part:
            pairs = [(str(part.get("@language") or ""), part["@value"])]
        elif isinstance(part, dict):
            pairs = [(language, text) for language, texts in part.items() for text in _list(texts)]
        else:
            pairs = [("", part)]
        for language, text in pairs:
            if isinstance(text, str | int | float) and (words := _plain(str(text))):
                found.setdefault("" if language in NO_LANGUAGE else language, []).append(words)
    return found


def text(value: Any, language: str) -> str:
    """Return a value in one language, several texts joined by semicolons; "" where it holds none.

    Args:
        value: the value of `label`, of `value` in metadata, or of another field.
        language: code of BCP 47; `en` stands for `en-GB` as well. Where the value lacks it, the text without a
            language is taken, then the first one.
    """
    texts = by_language(value)
    wanted = language.casefold()
    for has in texts:
        if has and (has.casefold() == wanted or has.casefold().partition("-")[0] == wanted):
            return BETWEEN.join(texts[has])
    return BETWEEN.join(texts.get("") or next(iter(texts.values()), []))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _plain(words: str) -> str:
    """Return a text without the few HTML tags that both versions allow."""
    return Markup(words).striptags() if "<" in words and ">" in words else words.strip()
