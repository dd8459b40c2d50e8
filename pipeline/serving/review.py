"""The reviewer's view of a question: filters, progress, and one portrait beside its candidates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

from pipeline.answering.faces import Box
from pipeline.identification.answer import Candidate
from pipeline.identification.deciding import fingerprint
from pipeline.identification.decisions import Decision
from pipeline.identification.sheets import Sheet, words
from pipeline.reporting.number_format import percent, ratio
from pipeline.reporting.sheets import right
from pipeline.serving.answered_question import OPEN, STATES, AnsweredQuestion, state
from pipeline.store.columns import TITLE, sitter_id_of
from pipeline.store.credits import caption

ALL = "all"
LEAST = {"": "any likelihood", "0.5": "50 % and more", "0.9": "90 % and more"}
"""Filters by the posterior of the first candidate."""
PAGE = 60
"""Number of portraits on a page of the list."""
LONGEST_SEARCH = 100


@dataclass(frozen=True)
class Filter:
    """A filter of the portraits of a question."""

    show: str = ALL
    least: str = ""
    words: str = ""
    """Text that a portrait's name, its columns or a candidate's name has to contain."""

    @classmethod
    def of(cls, show: str, least: str, words: str) -> Filter:
        """Return the filter that an address names; unknown values count as no filter."""
        known = show if show in STATES else ALL
        return cls(known, least if least in LEAST else "", words.strip()[:LONGEST_SEARCH])

    @property
    def query(self) -> str:
        """The filter as the query of an address, with its question mark; empty if it leaves out nothing."""
        said = {"show": self.show if self.show != ALL else "", "least": self.least, "words": self.words}
        text = urlencode({key: value for key, value in said.items() if value})
        return f"?{text}" if text else ""

    def showing(self, state: str) -> Filter:
        """Return the same filter for portraits in another state."""
        return replace(self, show=state)

    def passes(self, sheet: Sheet, now: str) -> bool:
        """Whether a portrait in the state `now` passes the filter."""
        if self.show not in (ALL, now):
            return False
        if self.least and not (
            sheet.candidates and (sheet.candidates[0].candidate.posterior or 0) >= float(self.least)
        ):
            return False
        wanted = self.words.casefold()
        listed = [c.candidate.sitter for c in sheet.candidates] + [d.sitter for d in sheet.answer.decisions]
        texts = [sheet.answer.probe.image_id, *sheet.columns.values(), *listed]
        return not wanted or any(wanted in text.casefold() for text in texts)


@dataclass(frozen=True)
class ReviewProgress:
    """The progress of a review."""

    counts: dict[str, int]
    """Number of portraits in each state."""

    @property
    def total(self) -> int:
        """The number of all portraits of the question."""
        return sum(self.counts.values())

    @property
    def reviewed(self) -> int:
        """The number of reviewed portraits."""
        return self.total - self.counts[OPEN]

    @property
    def sentence(self) -> str:
        """The number of reviewed portraits in words."""
        return f"{self.reviewed} of {self.total} reviewed"


@dataclass(frozen=True)
class ReviewEntry:
    """A portrait in the list."""

    number: int
    image_id: str
    state: str
    first: str
    """The first candidate, or the sitter whom a person has accepted."""
    posterior: str
    title: str = ""
    """Title of the portrait; empty if its source knows none."""


@dataclass(frozen=True)
class Card:
    """A candidate beside the portrait."""

    rank: int
    sitter: str
    sitter_id: str
    share: float | None
    """Posterior, 0 … 1."""
    posterior: str
    score: str
    ratio: str
    words: str
    right: str
    caption: list[str]
    reference: str
    cautions: Sequence[str]
    said: Sequence[Decision]
    true: bool

    @property
    def verdict(self) -> str:
        """The last verdict of a person on it; empty if there is none."""
        return self.said[-1].verdict if self.said else ""


@dataclass(frozen=True)
class ReviewView:
    """One portrait, ready for the page."""

    number: int
    image_id: str
    caption: list[str]
    further: list[tuple[str, str]]
    """Other columns that the source has, such as a link."""
    size: tuple[int, int] | None
    """Width and height of the image, in pixels."""
    box: Box | None
    doubts: Sequence[str]
    cards: list[Card]
    none: Card | None
    state: str
    decisions: Sequence[Decision]
    verdicts: frozenset[str]
    """Verdicts on the portrait as a whole."""
    truth: str
    """Its known sitter, if the question treats the portrait as unidentified and a person has decided; else empty."""
    seen: str
    """The decisions that the page shows, and on which a new decision is based; see `deciding.fingerprint`."""
    before: int | None
    after: int | None
    place: int
    """Its place among the portraits that pass the filter, from 1; 0 if it no longer passes."""
    passing: int
    sitters: Sequence[str] = field(default=())


def progress(sheets: Sequence[Sheet]) -> ReviewProgress:
    """Return how many portraits are in each state."""
    found = Counter(state(sheet) for sheet in sheets)
    return ReviewProgress({name: found[name] for name in STATES})


def entries(sheets: Sequence[Sheet], wanted: Filter) -> list[ReviewEntry]:
    """Return the portraits that pass a filter, as the list shows them."""
    return [_entry(n, sheet, now) for n, sheet in enumerate(sheets) if wanted.passes(sheet, now := state(sheet))]


def _entry(number: int, sheet: Sheet, now: str) -> ReviewEntry:
    final, name, title = sheet.answer.final, sheet.answer.probe.image_id, sheet.columns.get(TITLE, "")
    if final is not None and final.sitter:
        return ReviewEntry(number, name, now, final.sitter, "", title)
    first = sheet.candidates[0].candidate if sheet.candidates else None
    shown = "" if first is None or first.posterior is None else percent(first.posterior)
    return ReviewEntry(number, name, now, "" if first is None else first.sitter, shown, title)


def view(question: AnsweredQuestion, sheets: Sequence[Sheet], number: int, wanted: Filter) -> ReviewView:
    """Return a portrait and its candidates.

    Args:
        question: the question.
        sheets: the sheets of its portraits, with the current decisions.
        number: place of the portrait among the sheets.
        wanted: the filter by which the previous and next portraits are chosen.
    """
    sheet = sheets[number]
    passing = [n for n, other in enumerate(sheets) if wanted.passes(other, state(other))]
    captioned = caption(sheet.columns)
    listed, none = cards(sheet)
    return ReviewView(
        number=number,
        image_id=sheet.answer.probe.image_id,
        caption=captioned,
        further=[(key, value) for key, value in sheet.columns.items() if value not in captioned],
        size=None if sheet.account is None else sheet.account.size,
        box=sheet.box,
        doubts=sheet.doubts,
        cards=listed,
        none=none,
        state=state(sheet),
        decisions=sheet.answer.decisions,
        verdicts=frozenset(d.verdict for d in sheet.answer.decisions if not d.sitter),
        truth=_truth(sheet),
        seen=fingerprint(sheet.answer.decisions),
        before=max((n for n in passing if n < number), default=None),
        after=min((n for n in passing if n > number), default=None),
        place=passing.index(number) + 1 if number in passing else 0,
        passing=len(passing),
        sitters=question.sitters,
    )


def _truth(sheet: Sheet) -> str:
    """Return the known sitter of a portrait once a person has decided; empty if nobody knows the sitter."""
    if not sheet.truth or state(sheet) == OPEN:
        return ""
    return sheet.truth if sheet.in_gallery else f"{sheet.truth}, who is not in the gallery"


def cards(sheet: Sheet) -> tuple[list[Card], Card | None]:
    """Return the candidates of a portrait, and "none of these" (None if there are no likelihood ratios)."""
    listed = [_card(sheet, c.candidate, caption(c.columns), c.columns, c.cautions) for c in sheet.candidates]
    return listed, None if sheet.answer.none is None else _card(sheet, sheet.answer.none, [], {}, [])


def _card(
    sheet: Sheet, candidate: Candidate, captioned: list[str], columns: Mapping[str, str], cautions: Sequence[str]
) -> Card:
    said = sheet.decision_on(candidate.sitter) if candidate.sitter else []
    return Card(
        rank=candidate.rank,
        sitter=candidate.sitter,
        sitter_id=sitter_id_of(columns),
        share=candidate.posterior,
        posterior=percent(candidate.posterior) if candidate.posterior is not None else "",
        score="" if candidate.score is None else f"{candidate.score:.3f}",
        ratio=ratio(candidate.log10_lr),
        words=words(candidate),
        right=right(candidate.cell) if candidate.log10_lr is not None else "",
        caption=captioned,
        reference=candidate.reference.image_id if candidate.reference else "",
        cautions=cautions,
        said=said,
        true=bool(said) and bool(sheet.truth) and candidate.sitter == sheet.truth,
    )
