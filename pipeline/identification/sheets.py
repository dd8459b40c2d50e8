"""The sheet of one portrait: its candidates with the facts about their pictures, cautions and decisions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pipeline.core.layout import Layout
from pipeline.identification.annotations import AnnotatedCandidate, Target
from pipeline.identification.answer import Answer, Candidate
from pipeline.identification.decisions import Decision
from pipeline.identification.verbal import verbal
from pipeline.store.accounts import ImageAccount
from pipeline.store.candidates import IDENTIFIED, OPEN, UNSUITABLE, AnswerRow
from pipeline.store.columns import sitter_id_of
from pipeline.store.credits import LINK

MACHINE, PERSON = "machine", "person"


@dataclass(frozen=True)
class CandidateSheet:
    """A candidate, with the facts about its reference picture."""

    candidate: Candidate
    columns: Mapping[str, str]
    """Columns of the reference image: artist, title, year and whatever else the source has."""
    cautions: Sequence[str]


@dataclass(frozen=True)
class Sheet:
    """The contents of the sheet of one portrait."""

    answer: Answer
    candidates: list[CandidateSheet]
    account: ImageAccount | None
    """What the account says about it; None if it is no longer there."""
    columns: Mapping[str, str]
    doubts: Sequence[str]
    """Reasons why its face is doubtful."""
    truth: str
    """Its known sitter, if the question treats the portrait as unidentified; else empty."""
    in_gallery: bool
    """Whether this sitter is in the gallery."""

    @property
    def status(self) -> str:
        """The state of the portrait after the decisions."""
        final = self.answer.final
        return OPEN if final is None else IDENTIFIED if final.verdict == "accept" else UNSUITABLE

    @property
    def box(self) -> tuple[float, float, float, float] | None:
        """The face's box in pixels of the image; None if the account has none."""
        return None if self.account is None else self.account.box

    def decision_on(self, sitter: str) -> list[Decision]:
        """Return people's decisions on the portrait and a sitter."""
        return [decision for decision in self.answer.decisions if decision.sitter == sitter]

    def rows(self, question: str, model: str) -> Iterator[AnswerRow]:
        """Yield its rows of `candidates.csv`, for a question that a model has answered."""
        probe, final, none = self.answer.probe, self.answer.final, self.answer.none
        own = AnswerRow(
            probe.dataset, probe.image_id, self.status, None, "", truth=self.truth, question=question, model=model
        )  # fmt: skip
        if final is not None:
            yield replace(own, sitter=final.sitter, decision=final.sentence(), made_by=PERSON)
            return
        for sheet in [*self.candidates, *([CandidateSheet(none, {}, self.doubts)] if none else [])]:
            candidate, cell, reference = sheet.candidate, sheet.candidate.cell, sheet.candidate.reference
            lowest, highest = candidate.bounds or (None, None)
            yield replace(
                own,
                rank=candidate.rank,
                sitter=candidate.sitter,
                sitter_id=sitter_id_of(sheet.columns),
                score=candidate.score,
                log10_lr=candidate.log10_lr,
                log10_lr_lowest=lowest,
                log10_lr_highest=highest,
                words=words(candidate),
                posterior=candidate.posterior,
                right=cell.observed if cell else None,
                right_low=cell.low if cell else None,
                right_high=cell.high if cell else None,
                warnings=sheet.cautions,
                decision="; ".join(d.sentence() for d in self.decision_on(candidate.sitter)),
                reference_dataset=reference.dataset if reference else "",
                reference=reference.image_id if reference else "",
                columns=sheet.columns,
                made_by=MACHINE,
            )

    def annotated(self, at: Layout) -> tuple[Target, list[AnnotatedCandidate]]:
        """Return the face and its candidates in the form that `annotation_page` takes; there has to be a box."""
        probe, box, final = self.answer.probe, self.box, self.answer.final
        assert self.account is not None
        assert box is not None
        page = next((self.columns[column] for column in LINK if self.columns.get(column)), "")
        source = page or (at.raw(probe.dataset) / self.account.path).relative_to(at.root).as_posix()
        target = Target(source, box, f"{probe.dataset}:{probe.image_id}")
        if final is not None:
            decided = AnnotatedCandidate(final.sitter, "", rank=1, decision=final.sentence())
            return target, [decided] if final.verdict == "accept" else []
        return target, [
            AnnotatedCandidate(
                sheet.candidate.sitter,
                sitter_id_of(sheet.columns),
                sheet.candidate.rank,
                sheet.candidate.log10_lr,
                None if sheet.candidate.posterior is None else round(sheet.candidate.posterior, 6),
            )
            for sheet in self.candidates
        ]


def words(candidate: Candidate) -> str:
    """Return the strength of the evidence in the words of forensic reports.

    >>> words(Candidate(1, "Ann", 0.5, 1.3, (-1.0, 2.0), 0.2, None, None))
    'moderate support for this sitter'
    """
    if candidate.log10_lr is None:
        return ""
    said = verbal(candidate.log10_lr)
    for theirs, ours in (("the same sitter", "this sitter"), ("different sitters", "somebody else")):
        mine = ("none of these", "one of these")[theirs != "the same sitter"] if not candidate.rank else ours
        said = said.replace(theirs, mine)
    return said
