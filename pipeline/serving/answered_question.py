"""A question under review: the sheets of its last run, and the current decisions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.answering.portraits import Accounts, accounts
from pipeline.core.layout import Layout
from pipeline.core.own_files import located
from pipeline.identification.answer import Answer, Candidate
from pipeline.identification.deciding import DecisionFile
from pipeline.identification.decisions import Decision, ImageKey
from pipeline.identification.known import CalibratedCell, KnownSearches
from pipeline.identification.search import Portrait
from pipeline.identification.sheets import CandidateSheet, Sheet
from pipeline.reporting.doubtful_faces import doubts
from pipeline.store.accounts import NO_FACE, ImageAccount, each_account
from pipeline.store.candidates import NONE, AnswerRow, read_candidates, read_known
from pipeline.store.questions import Question, Share, read_question
from pipeline.store.splits import UNIDENTIFIED, UNUSED, each_seated

if TYPE_CHECKING:
    from pipeline.params import Study
    from pipeline.params.identify import Identify

OPEN, IDENTIFIED, NOBODY, UNSURE, UNUSABLE = "to review", "identified", "none of these", "unsure", "unsuitable"
STATES = (OPEN, IDENTIFIED, NOBODY, UNSURE, UNUSABLE)
"""The states of a portrait after the decisions; all but the first count as reviewed."""
NO_FILE = (
    "Decisions cannot be saved: params.yaml names no file for them. Add the line `decisions: decisions-{name}.csv` "
    "under `identify: {name}:` and start again."
)


@dataclass(frozen=True)
class AnsweredQuestion:
    """One entry under `identify` that has been answered."""

    name: str
    entry: Identify
    record: Question
    sheets: Sequence[Sheet]
    """The sheet of each portrait, with the decisions of the last run."""
    known: KnownSearches
    accounts: Accounts
    """What the accounts say about all pictures that are shown."""
    sitters: Sequence[str]
    """The sitters of the gallery, sorted."""
    faceless: Sequence[ImageKey]
    """Unidentified portraits on which no face was found, so that they have no candidates."""
    file: Path | None
    """The path of the file with the decisions; None if params.yaml names none."""

    @property
    def decision_file(self) -> DecisionFile | None:
        """The file with the decisions; None if params.yaml names none."""
        if self.file is None:
            return None
        images = [sheet.answer.probe[:2] for sheet in self.sheets]
        return DecisionFile(self.file, f"identify.{self.name}.decisions", images, self.sitters)

    @cached_property
    def numbers(self) -> dict[ImageKey, int]:
        """The place of each portrait among the sheets."""
        return {sheet.answer.probe[:2]: n for n, sheet in enumerate(self.sheets)}

    def decided(self, decisions: Mapping[ImageKey, Sequence[Decision]]) -> list[Sheet]:
        """Return the sheets with these decisions in place of the last run's decisions."""
        return [
            replace(sheet, answer=replace(sheet.answer, decisions=list(decisions.get(sheet.answer.probe[:2], []))))
            for sheet in self.sheets
        ]


def state(sheet: Sheet) -> str:
    """Return the state of a portrait after the decisions, one of `STATES`."""
    said = sheet.answer.decisions
    verdicts = {(d.verdict, d.sitter) for d in said}
    if sheet.answer.final is not None:
        return IDENTIFIED if sheet.answer.final.verdict == "accept" else UNUSABLE
    if any(verdict == "unsure" for verdict, _ in verdicts):
        return UNSURE
    listed = [c.candidate.sitter for c in sheet.candidates]
    return NOBODY if said and all(("reject", sitter) in verdicts for sitter in listed) else OPEN


def read(study: Study, name: str, at: Layout) -> AnsweredQuestion:
    """Read the answers to a question.

    Raises:
        SitterError: the question has not been answered yet, or one of its files is missing.
    """
    entry, record = study.identify[name], read_question(name, at)
    rows = read_candidates(name, at)
    by_image: dict[ImageKey, list[AnswerRow]] = {}
    for row in rows:
        by_image.setdefault((row.dataset, row.image), []).append(row)
    shown = {*by_image, *((row.reference_dataset, row.reference) for row in rows if row.reference)}
    found = accounts(shown, at)
    known = _known(name, record, at)
    absent = set(record.pretended.absent)
    sheets = [_sheet(study, image, of, found, known, absent) for image, of in by_image.items()]
    without = _faceless(entry, at)
    file = None if entry.decisions is None else at.root / located(entry.decisions)
    return AnsweredQuestion(
        name, entry, record, sheets, known, {**found, **without}, gallery_sitters(entry, at), list(without), file
    )  # fmt: skip


def gallery_sitters(entry: Identify, at: Layout) -> list[str]:
    """Return the sitters of a question's gallery, sorted."""
    seen = (row for dataset in entry.gallery for row in each_seated(dataset, at))
    found = {row.sitter for row in seen if row.subset not in (UNUSED, UNIDENTIFIED) and row.sitter}
    return sorted(found - set(entry.without))


def _faceless(entry: Identify, at: Layout) -> dict[ImageKey, ImageAccount]:
    """Return what the accounts say about the unidentified portraits on which no face was found."""
    return {
        (dataset, image.image_id): image
        for dataset in entry.probes
        for image in each_account(dataset, at=at)
        if image.status == NO_FACE and not image.sitter
    }


def _known(name: str, record: Question, at: Layout) -> KnownSearches:
    """Return how often candidates were right, from the tables of a question and its record."""
    cells = [
        CalibratedCell(
            row.rank, row.likelihood_ratio, row.searches, row.sitters,
            row.claimed, row.right, row.right_low, row.right_high,
        )
        for row in read_known(name, at)
    ]  # fmt: skip
    known, none = record.known, Share(float("nan"), float("nan"), float("nan"))
    tried = known.with_their_sitter_in_the_gallery
    return KnownSearches(cells, (*(known.first or none), tried), (*(known.among or none), tried))


def _sheet(
    study: Study,
    image: ImageKey,
    rows: Sequence[AnswerRow],
    known_images: Accounts,
    known: KnownSearches,
    absent: Collection[str],
) -> Sheet:
    """Return the sheet of one portrait from its rows of `candidates.csv`."""
    account, truth = known_images.get(image), rows[0].truth
    probe = Portrait(*image, truth, "")
    candidates, none = [], None
    for row in rows:
        if row.rank == NONE:
            none = _candidate(row, NONE, known)
        elif row.rank is not None:  # a portrait that a person has decided on has a row without a rank
            kept = {column: cell for column, cell in row.columns.items() if cell}
            candidates.append(CandidateSheet(_candidate(row, row.rank, known), kept, row.warnings))
    doubtful = doubts(account, study.align[image[0]].doubtful) if account else []
    columns = account.columns if account else {}
    answer = Answer(probe, [], [c.candidate for c in candidates], none)
    return Sheet(answer, candidates, account, columns, doubtful, truth, truth not in absent)


def _candidate(row: AnswerRow, rank: int, known: KnownSearches) -> Candidate:
    low, high = row.log10_lr_lowest, row.log10_lr_highest
    bounds = None if low is None or high is None else (low, high)
    cell = None
    if row.log10_lr is not None and row.right is not None:
        cell = known.of(rank, row.log10_lr)
    reference = Portrait(row.reference_dataset, row.reference, row.sitter, "") if row.reference else None
    return Candidate(rank, row.sitter, row.score, row.log10_lr, bounds, row.posterior, cell, reference)
