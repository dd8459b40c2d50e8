"""The sheet of each portrait that was asked about: its candidates with cautions, columns and the truth if known."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.answering.cautions import BOUND, COPY, LEARNED, SAME_ARTIST, same_picture, shared_artist
from pipeline.answering.portraits import Accounts
from pipeline.identification.answer import Answers
from pipeline.identification.search import Portrait
from pipeline.identification.sheets import CandidateSheet, Sheet
from pipeline.reporting.doubtful_faces import doubts
from pipeline.store.questions import GallerySize, KnownPortraits, Pretended, Question, Share

if TYPE_CHECKING:
    from pipeline.core.pixels import RGBImage
    from pipeline.params.identify import Identify


@dataclass(frozen=True)
class ShownPortraits:
    """Access to what is shown of portraits."""

    accounts: Accounts
    crop: Callable[[Portrait], RGBImage]
    """The face of a portrait, uint8 [112, 112, 3]."""
    doubtful: Callable[[str], float]
    """The score below which faces of a data set are doubtful."""
    is_nobody: Callable[[str], bool]
    """Whether an artist's name is a word for nobody."""


def sheets(
    answers: Answers, shown: ShownPortraits, learned: Collection[str], pretended: Collection[str]
) -> list[Sheet]:
    """Return a sheet for each portrait.

    Args:
        answers: the answers to a question.
        shown: access to what is shown of its portraits.
        learned: sitters that the model was trained on.
        pretended: known sitters whose portraits are treated as unidentified.
    """
    found = []
    for answer in answers.answers:
        probe, image = answer.probe, shown.accounts[answer.probe[:2]]
        candidates = []
        for candidate in answer.candidates:
            reference = candidate.reference
            assert reference is not None
            theirs = shown.accounts[reference[:2]]
            cautions = []
            if artist := shared_artist(image.columns, theirs.columns, shown.is_nobody):
                cautions.append(SAME_ARTIST.format(artist=artist))
            if same_picture(shown.crop(probe), shown.crop(reference)):
                cautions.append(COPY)
            cautions += [BOUND] * candidate.at_bound + [LEARNED] * (candidate.sitter in learned)
            cautions += [f"the reference has {doubt}" for doubt in doubts(theirs, shown.doubtful(reference.dataset))]
            candidates.append(CandidateSheet(candidate, theirs.columns, cautions))
        truth = probe.sitter if probe.sitter in pretended else ""
        found.append(
            Sheet(
                answer, candidates, image, image.columns, doubts(image, shown.doubtful(probe.dataset)), truth,
                probe.sitter in answers.sitters,
            )
        )  # fmt: skip
    return found


def record(entry: Identify, answers: Answers, name: str, gallery: int, known: Collection[Portrait]) -> Question:
    """Return the record of the answers, without the model's checksum.

    Args:
        entry: the question.
        answers: the answers to it.
        name: name of the question.
        gallery: number of portraits in the gallery.
        known: portraits on which the lists were tested.
    """
    judged = answers.known
    decided = [answer.final.verdict for answer in answers.answers if answer.final]
    pretended = [a for a in answers.answers if a.probe.sitter in entry.as_unidentified and a.candidates]
    there = [a for a in pretended if a.probe.sitter in answers.sitters]
    absent = [a for a in pretended if a.probe.sitter not in answers.sitters]
    ranks = [next((c.rank for c in a.candidates if c.sitter == a.probe.sitter), 0) for a in there]
    return Question(
        question=name,
        probes=entry.probes,
        gallery=GallerySize(len(answers.sitters), gallery),
        model=entry.model,
        as_unidentified=entry.as_unidentified,
        without=entry.without,
        pooling=entry.pooling,
        normalise=entry.normalise,
        calibration=entry.calibration,
        candidates=entry.candidates,
        prior=entry.prior,
        decisions=entry.decisions,
        portraits=len(answers.answers),
        accepted=decided.count("accept"),
        unsuitable=decided.count("unsuitable"),
        known=KnownPortraits(
            portraits=len(known),
            sitters=len({p.sitter for p in known}),
            calibrated_on=answers.calibrated_on,
            with_their_sitter_in_the_gallery=judged.first[3],
            first=_rounded(judged.first),
            among=_rounded(judged.among),
        ),
        no_ratios_because=answers.trouble,
        pretended=Pretended(
            in_gallery=len(there),
            first=sum(rank == 1 for rank in ranks),
            among=sum(rank > 0 for rank in ranks),
            not_in_gallery=len(absent),
            absent=sorted({a.probe.sitter for a in absent}),
            none_likelier=sum(_none_first(a) for a in absent),
        ),
    )


def _none_first(answer: Any) -> bool:
    """Whether "none of these" has a larger posterior than every candidate."""
    none = answer.none
    return none is not None and all(none.posterior > (c.posterior or 0) for c in answer.candidates)


def _rounded(share: tuple[float, float, float, int]) -> Share | None:
    return Share(*(round(value, 4) for value in share[:3])) if share[3] else None
