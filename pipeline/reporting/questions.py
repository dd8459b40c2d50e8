"""Answers to "who sat?" in the report and on the terminal: the first candidate of each unidentified portrait."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from pipeline.reporting.album import StudyAlbum, spread
from pipeline.reporting.number_format import NBSP, NONE, percent, ratio
from pipeline.reporting.pair_gallery import PairImage
from pipeline.reporting.tables import aligned
from pipeline.store.candidates import NONE as NONE_OF_THESE
from pipeline.store.candidates import AnswerRow, QuestionAnswers
from pipeline.store.questions import Question

ABSENT = ", not in the gallery"
SHOWN = 12
"""Largest number of portraits shown; the question's own page shows all of them."""


@dataclass(frozen=True)
class First:
    """A portrait and the first candidate on its list."""

    probe: PairImage
    reference: PairImage | None
    sitter: str
    """The first candidate, or the sitter whom a person has accepted."""
    log10_lr: float | None
    posterior: float | None
    none: float | None
    """Posterior of "none of these"."""
    truth: str
    decision: str


@dataclass(frozen=True)
class QuestionChapter:
    """One entry under `identify`."""

    name: str
    model: str
    page: str
    sentences: list[str]
    firsts: list[First]
    portraits: int
    candidates: int


def questions(answered: Mapping[str, QuestionAnswers], album: StudyAlbum | None) -> list[QuestionChapter]:
    """Return every question that has been answered; without an album, there are no pictures."""
    return [_question(name, asked, album) for name, asked in answered.items()]


def lines(answered: Mapping[str, QuestionAnswers]) -> list[str]:
    """Return the questions as lines for the terminal: a table and some sentences for each."""
    found = []
    for question in questions(answered, None):
        head = ["portrait", "first candidate", "ratio", "posterior", "none of these", "in truth"]
        rows = [
            [f.probe.image_id, f.sitter or f.decision, ratio(f.log10_lr) or NONE, percent(f.posterior),
             percent(f.none), f.truth]
            for f in question.firsts
        ]  # fmt: skip
        columns = len(head) - (not any(row[-1] for row in rows))
        shown = f"{len(rows)} of {question.portraits}" if len(rows) < question.portraits else str(question.portraits)
        about = f"{shown} portraits; {question.candidates} candidates, compared by {question.model}"
        found.append(f"{question.name} (who sat? {about})")
        found += aligned([row[:columns] for row in [head, *rows]])
        found += [*question.sentences, f"all candidates with their pictures: {question.page}", ""]
    return found


def _question(name: str, asked: QuestionAnswers, album: StudyAlbum | None) -> QuestionChapter:
    record = asked.record
    firsts = [_first(rows, record.pretended.absent, album) for rows in spread(asked.lists, SHOWN)]
    page = asked.page.as_posix()
    told = sentences(record)
    return QuestionChapter(name, record.model, page, told, firsts, len(asked.lists), record.gallery.sitters)


def _first(rows: Sequence[AnswerRow], absent: Collection[str], album: StudyAlbum | None) -> First:
    head = next((row for row in rows if row.rank != NONE_OF_THESE), rows[0])
    none = next((row.posterior for row in rows if row.rank == NONE_OF_THESE), None)
    reference = None
    if head.reference:
        reference = _side(album, head.reference_dataset, head.reference, head.sitter)
    probe = _side(album, head.dataset, head.image, "")
    truth = head.truth + (ABSENT if head.truth in absent else "")
    return First(probe, reference, head.sitter, head.log10_lr, head.posterior, none, truth, head.decision)


def _side(album: StudyAlbum | None, dataset: str, image_id: str, sitter: str) -> PairImage:
    return PairImage.of(album, dataset, image_id, sitter) if album else PairImage(image_id, sitter, None)


def sentences(record: Question) -> list[str]:
    """Return sentences on a question as a whole."""
    known, pretended, candidates = record.known, record.pretended, record.candidates
    found = []
    if pretended.in_gallery:
        found.append(
            f"of {pretended.in_gallery} portraits of known sitters who are in the gallery, the right one comes "
            f"first for {pretended.first} and among the first {candidates} for {pretended.among}"
        )
    if pretended.not_in_gallery and not record.no_ratios_because:
        found.append(
            f"of {pretended.not_in_gallery} portraits of sitters who are not there, “none of these” is the "
            f"likeliest answer for {pretended.none_likelier}"
        )
    if known.first and known.among:
        shares = [[percent(value, unit=False) for value in share] for share in (known.first, known.among)]
        first, among = (f"{value}{NBSP}% [{low}, {high}]" for value, low, high in shares)
        found.append(
            f"of {known.with_their_sitter_in_the_gallery} other portraits of known sitters, each sitter counted "
            f"once, the right one comes first for {first} and among the first {candidates} for {among}"
        )
    if record.accepted or record.unsuitable:
        found.append(f"people have decided: {record.accepted} identified, {record.unsuitable} set aside")
    if record.no_ratios_because:
        found.append(f"there are no likelihood ratios, because {record.no_ratios_because}")
    return found
