"""Words that name nobody: "Unknown", "N.N.", "?", "unidentified man", "inconnu", "Unbekannte Frau" and the like.

It is unknown how many people the portraits of unidentified people show. Such portraits must not count as one sitter,
and the works of unknown artists must not count as the work of one artist. A name stands for nobody if all of its words
are words for something unknown, for a person in general (man, lady, artist), for a portrait, or small words between
them, whatever follows in brackets or after a comma ("Unknown man, formerly called Raleigh"). Any other name stands for
a person, and so does one with a number: "Unknown 3" may be one person, whom somebody has told from others.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Callable, Collection
from functools import cache
from pathlib import Path

from pipeline.core.names import same

WORDS = "nobody.toml"
MARKS = ("Sm", "Sk")
# Not the comma, which parts surname and first name.
BETWEEN = re.compile(r"\s*[|;\n&]\s*|\s+/\s+|\s+and\s+", re.IGNORECASE)
DETAIL = re.compile(r"([^,;:(\[]*)(?:([,;:(\[])(.*))?", re.DOTALL)
REMEMBERED = 100_000


def nobody(also: Collection[str] = (), names: Collection[str] = ()) -> Callable[[str], bool]:
    """Return a function that tells whether a text that stands for a person names nobody.

    Args:
        also: further words, or whole names, that name nobody.
        names: names that do name somebody, although their words do not look so.

    >>> is_nobody = nobody(also=["Mister X"])
    >>> [is_nobody(n) for n in ("Unknown woman", "N. N.", "?", "mister x", "An unidentified Man", "Ann", "Unknown 3")]
    [True, True, True, True, True, False, False]
    """
    more, kept = {_words(word) for word in also}, {same(name) for name in names}
    known: dict[str, bool] = {}

    def is_nobody(name: str) -> bool:
        found = known.get(name)
        if found is None:
            found = same(name) not in kept and (_words(name) in more or _names_nobody(name))
            if len(known) < REMEMBERED:
                known[name] = found
        return found

    return is_nobody


def several(cell: str) -> list[str]:
    """The artists that a cell names, without workshops and the like beside another name.

    >>> several("Rembrandt|Jan Lievens"), several("Hals, Frans"), several("Rubens and workshop")
    (['Rembrandt', 'Jan Lievens'], ['Hals, Frans'], ['Rubens'])
    """
    names = [name for name in BETWEEN.split(cell.strip()) if name]
    return [name for name in names if not is_helper(name)] or names


def is_helper(name: str) -> bool:
    """Return whether an artist's name in a cell of several is only a workshop, pupils or the like."""
    words, of = set(_words(name).split()), _vocabulary()
    return bool(words & of["helpers"]) and words <= of["helpers"] | of["small"] | {"his", "her", "their", "s"}


@cache
def _vocabulary() -> dict[str, frozenset[str]]:
    """Return the words of each sort."""
    read = tomllib.loads((Path(__file__).parent / WORDS).read_text(encoding="utf-8"))
    return {sort: frozenset(words.split() if isinstance(words, str) else words) for sort, words in read.items()}


def _names_nobody(name: str) -> bool:
    of = _vocabulary()
    if name.strip() in of["exact"]:
        return True
    if not (plain := _words(name)):  # empty, or nothing but punctuation: ?, -, …
        return all(unicodedata.category(c) in MARKS or unicodedata.category(c)[0] in "PZC" for c in name)
    head, mark, tail = (part or "" for part in DETAIL.match(name).groups())  # type: ignore[union-attr]
    if mark and head.strip() and re.search(r"[^\W\d_]", tail):  # what follows describes nobody, unless it is a number
        several = len(_words(head).split()) > 1
        if (several or mark in "([" or any(c.isdigit() for c in tail)) and _names_nobody(head):
            return True
    unknown, rest = False, f" {plain} "
    for phrase in of["phrases"]:
        unknown, rest = unknown or f" {phrase} " in rest, rest.replace(f" {phrase} ", " ")
    words = set(rest.split())
    if not words <= of["unknown"] | of["person"] | of["portrait"] | of["small"]:
        return False
    return unknown or bool(words & of["unknown"]) or bool(words & of["portrait"] and words & of["person"])


def _words(name: str) -> str:
    """Return the words of a name in lower case, without punctuation, separated by spaces."""
    return " ".join("".join(c if c.isalnum() or unicodedata.category(c)[0] == "M" else " " for c in same(name)).split())
