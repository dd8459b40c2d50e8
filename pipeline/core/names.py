"""Names of sitters, artists and images: one spelling for names that read the same."""

from __future__ import annotations

import logging
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise

logger = logging.getLogger(__name__)

SHOWN = 5
# Characters that look alike or are invisible: with them, one name is written in several ways.
LOOKALIKES = str.maketrans(dict.fromkeys("‘’ʼ`′", "'") | dict.fromkeys("‐‑‒–—−", "-") | {"_": " "})


def nfc(text: str) -> str:
    """Return a text in Unicode's composed form (NFC, Unicode Standard Annex 15), in which all names are kept.

    A Mac's disk and some archives write «ë» as «e» and a combining mark: equal to the eye, different to a computer.
    """
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def same(name: str) -> str:
    """Return a key that is equal for names that differ only by what a reader overlooks.

    That is case, spaces, underscores, the encoding of accents, invisible characters, and the kind of an apostrophe or a
    hyphen.

    >>> same("Zoe\\u0308_O’Neil ") == same("ZOË o'neil")
    True
    """
    text = name
    if not text.isascii():
        # A lone acute accent, which is typed for an apostrophe, becomes a space and a combining one.
        plain = unicodedata.normalize("NFKC", text).replace(" \u0301", "'")
        text = "".join(c for c in plain if unicodedata.category(c) != "Cf")
    return unicodedata.normalize("NFKC", " ".join(text.translate(LOOKALIKES).casefold().split()))


def alike(names: Iterable[str], others: Iterable[str]) -> list[tuple[str, str]]:
    """Return pairs of a name and one of the others that are the `same` but not equal, sorted.

    A name that is in both sets has no partner.
    """
    there, by_key = set(others), defaultdict(list)
    for name in sorted(there):
        by_key[same(name)].append(name)
    lone = sorted(set(names) - there)
    return [(name, by_key[key][0]) for name in lone if (key := same(name)) in by_key]


def warn_of_alike(names: Iterable[str], others: Iterable[str], where: str, other: str) -> None:
    """Warn of sitters in two data sets with names that differ only in spelling, and give their number.

    Args:
        names: sitters of one data set.
        others: sitters of the other.
        where: what the names belong to, for the message.
        other: what the others belong to.
    """
    pairs = alike(names, others)
    if pairs:
        shown = "; ".join(f"{a!r} / {b!r}" for a, b in pairs[:SHOWN]) + (" …" if len(pairs) > SHOWN else "")
        logger.warning(
            f"{len(pairs)} sitters of {where} are written in another way in {other}: {shown}. They count as "
            "different sitters; if they are the same people, write their names in one way."
        )


def tested(sitters: Iterable[str], elsewhere: Iterable[str], dataset: str, name: str) -> set[str]:
    """Return the sitters of a data set who are tested in another one; the same name means the same person.

    A fusion or a mean that is fitted on them would learn from test sitters, and a cohort has to consist of strangers.

    Args:
        sitters: the sitters of the data set.
        elsewhere: the sitters who are tested in data sets that are split independently of it.
        dataset: the data set, for the log, which says how many sitters are left out.
        name: what is fitted, for the log.
    """
    known = {same(sitter) for sitter in elsewhere} - {""}
    out = {sitter for sitter in set(sitters) if same(sitter) in known}
    if out:
        logger.info(
            f"{name} is not fitted on {len(out)} sitters of {dataset}, who are tested in another data set: "
            f"{', '.join(sorted(out)[:SHOWN])}{' …' if len(out) > SHOWN else ''}"
        )
    return out


def spelled_alike(names: Iterable[str]) -> list[tuple[str, str]]:
    """Return pairs of sitters' names in one data set that differ only by their spelling; warns of them."""
    by_key: dict[str, list[str]] = defaultdict(list)
    for name in sorted(set(names)):
        by_key[same(name)].append(name)
    found = [spellings for spellings in by_key.values() if len(spellings) > 1]
    if found:
        shown = "; ".join(" / ".join(map(repr, spellings)) for spellings in found[:SHOWN])
        logger.warning(
            f"sitters' names that differ only by case or spaces: {shown}{' …' if len(found) > SHOWN else ''}. They "
            "count as different sitters, kept on one side; if they are one person, give them one name."
        )
    return [pair for spellings in found for pair in pairwise(spellings)]
