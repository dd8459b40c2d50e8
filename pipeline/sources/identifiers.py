"""Identifiers of sitters (Wikidata, ULAN, …) join several spellings of one person, and part two people of one name."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace

from pipeline.sources.listed import ListedPortrait
from pipeline.store.columns import sitter_id_of, with_sitter_id

logger = logging.getLogger(__name__)

SHOWN = 5


def joined(portraits: Sequence[ListedPortrait], where: str) -> list[ListedPortrait]:
    """Return the portraits of a list with one name for each identifier in the column `sitter_id`.

    Of several spellings, the most frequent one is used, or the first of equally frequent ones. If two people have one
    name, their identifiers are added to it. A row without an identifier belongs to the person with its spelling, if
    there is only one. The column `sitter_as_written` keeps the original text.

    Args:
        portraits: the portraits in the order of the list.
        where: what messages call the list.
    """
    spellings: dict[str, Counter[str]] = defaultdict(Counter)
    for portrait in portraits:
        if portrait.sitter and (identifier := sitter_id_of(portrait.known)):
            spellings[identifier][portrait.sitter] += 1
    if not spellings:
        return list(portraits)
    name_of = {identifier: counts.most_common(1)[0][0] for identifier, counts in spellings.items()}
    shared = {name for name, count in Counter(name_of.values()).items() if count > 1}
    name_of = {i: f"{name} ({i})" if name in shared else name for i, name in name_of.items()}
    of_spelling: dict[str, set[str]] = defaultdict(set)
    for identifier, counts in spellings.items():
        for spelling in counts:
            of_spelling[spelling].add(identifier)

    def one(portrait: ListedPortrait) -> ListedPortrait:
        identifier = sitter_id_of(portrait.known)
        if not identifier and len(of_spelling.get(portrait.sitter, ())) == 1:
            (identifier,) = of_spelling[portrait.sitter]
        name = name_of.get(identifier, portrait.sitter) if portrait.sitter else ""
        written = portrait.sitter if name != portrait.sitter else None
        return replace(portrait, sitter=name, known=with_sitter_id(portrait.known, identifier, written))

    several = [" / ".join(counts) for counts in spellings.values() if len(counts) > 1]
    if several:
        logger.info(f"{where}: sitters of one sitter_id with several spellings count as one: {_shown(several)}.")
    if shared:
        logger.warning(f"{where}: names of two people, by sitter_id, who are kept apart: {_shown(sorted(shared))}.")
    return [one(portrait) for portrait in portraits]


def _shown(names: Sequence[str]) -> str:
    return "; ".join(names[:SHOWN]) + (" …" if len(names) > SHOWN else "")
