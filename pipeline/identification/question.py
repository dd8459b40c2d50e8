"""The portraits of a question: the probes, the gallery, and the known portraits on which the lists are tested."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.core.errors import SitterError, nearest
from pipeline.identification.evidence import FEWEST_SITTERS
from pipeline.identification.search import Portrait
from pipeline.params.identify import Identify
from pipeline.store.splits import UNIDENTIFIED, UNUSED

MOST_KNOWN = 1000
"""Lists are tested on at most this many known portraits; if there are more, some of each sitter are taken."""


@dataclass(frozen=True)
class SplitPortrait:
    """A portrait, and its subset in the split."""

    portrait: Portrait
    subset: str


@dataclass(frozen=True)
class QuestionPortraits:
    """The portraits of a question."""

    probes: list[Portrait]
    """The portraits that are asked about; one has a sitter if the question treats a known sitter as unidentified."""
    gallery: list[Portrait]
    known: list[Portrait]
    """The portraits on which the lists are tested: the model was not trained on their sitters, who are known."""

    @property
    def sitters(self) -> list[str]:
        """The sitters of the gallery, sorted."""
        return sorted({portrait.sitter for portrait in self.gallery})


def question_portraits(
    name: str, entry: Identify, seen: Sequence[SplitPortrait], learned: Collection[str], seed: int
) -> QuestionPortraits:
    """Return the portraits of a question.

    Args:
        name: name of the entry, for messages.
        entry: the question.
        seen: all portraits of its data sets.
        learned: sitters that the model was trained on.
        seed: random seed of the choice among too many known portraits.

    Raises:
        SitterError: there is no portrait to ask about, or the gallery is empty, or a sitter's name is unknown.
    """
    asked = [one for one in seen if one.portrait.dataset in entry.probes and one.subset != UNUSED]
    _check_names(name, "as_unidentified", entry.as_unidentified, {one.portrait.sitter for one in asked} - {""})
    probes = [o.portrait for o in asked if o.subset == UNIDENTIFIED or o.portrait.sitter in entry.as_unidentified]
    gallery, known = gallery_and_known(name, entry, seen, learned, seed)
    if not probes:
        raise SitterError(
            f"identify.{name}: {', '.join(entry.probes)} has no unidentified portrait. Leave the sitter of such a row "
            "empty, or name sitters under as_unidentified to see how good the answers would be."
        )
    return QuestionPortraits(probes, gallery, known)


def gallery_and_known(
    name: str, entry: Identify, seen: Sequence[SplitPortrait], learned: Collection[str], seed: int
) -> tuple[list[Portrait], list[Portrait]]:
    """Return the gallery of a question, and the known portraits that test its lists; see `question_portraits`."""
    shown = [one.portrait for one in seen if one.subset not in (UNUSED, UNIDENTIFIED)]
    candidates = [p for p in shown if p.dataset in entry.gallery]
    _check_names(name, "without", entry.without, {p.sitter for p in candidates})
    gallery = [p for p in candidates if p.sitter not in entry.without]
    if not gallery:
        raise SitterError(f"identify.{name}: no portrait of {', '.join(entry.gallery)} has a sitter who may be named.")
    hidden = {*entry.as_unidentified, *learned}
    for datasets in (entry.probes, entry.gallery):
        known_ones = [p for p in shown if p.dataset in datasets and p.sitter not in hidden]
        if len({p.sitter for p in known_ones}) >= FEWEST_SITTERS:
            break
    return gallery, thinned(known_ones, MOST_KNOWN, seed)


def _check_names(name: str, field: str, given: Collection[str], known: Collection[str]) -> None:
    for sitter in given:
        if sitter not in known:
            raise SitterError(f"identify.{name}.{field}: {sitter!r} has no portrait there; {nearest(sitter, known)}")


def thinned(portraits: Sequence[Portrait], most: int, seed: int) -> list[Portrait]:
    """Return at most `most` portraits, in their order; take one of each sitter, then a second of each, and so on."""
    if len(portraits) <= most:
        return list(portraits)
    lot = np.random.default_rng([seed, len(portraits)]).permutation(len(portraits))
    turn: dict[str, int] = {}
    ranked: list[tuple[int, int, int]] = []
    for place in lot:
        sitter = portraits[place].sitter
        turn[sitter] = turn.get(sitter, 0) + 1
        ranked.append((turn[sitter], len(ranked), int(place)))
    return [portraits[place] for place in sorted(place for _, _, place in sorted(ranked)[:most])]
