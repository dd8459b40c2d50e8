"""A gallery that answers who is on a picture: portraits of known sitters with the vectors of one model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.answering.faces import Box, Face, PictureSource
from pipeline.answering.gallery_pictures import GalleryPictures, HandedIn
from pipeline.answering.recogniser import Prints, matrix
from pipeline.answering.sheets import ShownPortraits, record, sheets
from pipeline.identification.answer import Answer, Answers, Candidate, Tried
from pipeline.identification.decisions import Decision, ImageKey
from pipeline.identification.evidence import Evidence
from pipeline.identification.search import Matrix, Portrait, Searches
from pipeline.scoring.calibration.fit import Calibration

if TYPE_CHECKING:
    from pipeline.answering.model import Model
    from pipeline.identification.sheets import Sheet


class Fixed:
    """Likelihood ratios by a given calibration that does not depend on the gallery."""

    def __init__(self, calibration: Calibration) -> None:
        """Take a calibration that maps the model's scores to natural log-likelihood ratios."""
        self.sitters: list[str] = []
        self._calibration = calibration

    def trouble(self) -> str:
        """Return nothing: there are ratios."""
        return ""

    def of_question(self, searches: Searches, again: Searches | None = None) -> Evidence:
        """Return the evidence of searches."""
        there = np.isfinite(searches.scores)
        llr = np.where(there, self._calibration(np.where(there, searches.scores, 0.0)), -np.inf)
        low, high = (np.full(llr.shape, bound) for bound in self._calibration.bounds)
        return Evidence(searches.scores, llr, low, high)


ASKED = "asked"
"""Stands in place of a data set's name for faces of a picture that a user asks about."""
DIGITS = 4


@dataclass(frozen=True)
class FaceAnswer:
    """Who may be on a picture, judged by one of its faces."""

    face: Face
    candidates: list[Candidate]
    """The candidates, the likeliest first; their `posterior` and `log10_lr` are None where there are no ratios."""
    none: Candidate | None
    """ "None of these"; None where there are no ratios."""
    answer: Answer


@dataclass(frozen=True)
class PictureAnswer:
    """Who may be on a picture."""

    picture: str
    faces: list[FaceAnswer]
    answers: Answers | None
    """All details, for a sheet; None where there is no face."""
    references: Mapping[ImageKey, str]
    """Paths of the references' pictures."""

    def record(self) -> dict[str, Any]:
        """Return the answer as `sitter identify --json` prints it: plain values, with ratios of four digits."""
        return {
            "picture": self.picture,
            "faces": [
                {
                    "box": [round(side, 2) for side in one.face.box],
                    "candidates": [self._candidate(candidate) for candidate in one.candidates],
                    "none": {"posterior": None if one.none is None else _rounded(one.none.posterior)},
                }
                for one in self.faces
            ],
        }

    def _candidate(self, candidate: Candidate) -> dict[str, Any]:
        reference = candidate.reference
        return {
            "sitter": candidate.sitter,
            "score": None if candidate.score is None else round(candidate.score, 6),
            "likelihood_ratio": None if candidate.log10_lr is None else float(f"{10**candidate.log10_lr:.{DIGITS}g}"),
            "posterior": _rounded(candidate.posterior),
            "reference": None if reference is None else self.references[reference[:2]],
        }


def _rounded(posterior: float | None) -> float | None:
    return None if posterior is None else round(posterior, 6)


class Gallery:
    """Portraits of known sitters with which a model compares pictures; made by `OpenStudy.gallery`."""

    def __init__(
        self,
        name: str,
        model: Model,
        ready: Tried,
        prints: Prints,
        places: Mapping[ImageKey, int],
        pictures: GalleryPictures,
        learned: set[str],
        note: str,
        portraits: Sequence[Portrait] = (),
        decisions: Mapping[ImageKey, Sequence[Decision]] | None = None,
    ) -> None:
        """Join the parts of a gallery.

        Args:
            name: name of the gallery as the user gave it.
            model: the model that compares.
            ready: the gallery, tested on known portraits.
            prints: vectors of all portraits in `places`.
            places: rows of `prints`, by data set and image.
            pictures: the pictures and faces behind the portraits.
            learned: sitters that the model was trained on.
            note: the sitters on whom likelihood ratios were calibrated, or why there are none.
            portraits: the portraits that a question of params.yaml asks about.
            decisions: people's decisions on these portraits.
        """
        self.name, self.model, self.ready, self.note = name, model, ready, note
        self.portraits = list(portraits)
        self.decisions: dict[ImageKey, Sequence[Decision]] = dict(decisions or {})
        self._prints, self._places, self._pictures, self._learned = prints, places, pictures, learned
        self._rows = np.array([places[portrait[:2]] for portrait in ready.within.portraits], dtype=np.int64)
        self._ordered = prints.of(self._rows)

    @property
    def sitters(self) -> list[str]:
        """The sitters of the gallery, sorted."""
        return self.ready.within.sitters

    @property
    def pictures(self) -> GalleryPictures:
        """The pictures and faces behind its portraits."""
        return self._pictures

    def __len__(self) -> int:
        """Return the number of portraits."""
        return len(self.ready.gallery)

    def __repr__(self) -> str:
        """Return a short description."""
        return f"<gallery {self.name}: {len(self)} portraits of {len(self.sitters)} sitters, by {self.model.name}>"

    def identify(
        self,
        picture: PictureSource | Face | Sequence[Face],
        *,
        name: str = "",
        box: Box | None = None,
        every_face: bool = True,
    ) -> PictureAnswer:
        """Say who may be on a picture.

        Args:
            picture: a file, the bytes of a file, or pixels uint8 [height, width, 3] RGB; or the faces that
                `Model.faces` has found in a picture.
            name: name of the picture if it is no file.
            box: x0, y0, x1, y1 around the face that is meant.
            every_face: answer for all faces; otherwise for the one that `align` would take.

        Raises:
            SitterError: the picture cannot be read; the message says why.
        """
        if isinstance(picture, Face):
            faces = [picture]
        elif isinstance(picture, Sequence) and not isinstance(picture, str | bytes):
            faces = list(picture)
        else:
            name = name or (str(picture) if isinstance(picture, str | Path) else "picture")
            faces = self.model.faces(picture, name=name, box=box)[: None if every_face else 1]
        if not faces:
            return PictureAnswer(name, [], None, {})
        asked = [Portrait(ASKED, face.name, "", f"{ASKED}:{face.picture}") for face in faces]
        prints = self.model.prints(faces)
        rows = {portrait[:2]: n for n, portrait in enumerate(asked)}
        answers = self.ready.answers(asked, {}, lambda probes, gallery: self._score(prints, rows, probes, gallery))
        found = [
            FaceAnswer(face, answer.candidates, answer.none, answer)
            for face, answer in zip(faces, answers.answers, strict=True)
        ]
        wanted = {c.reference for one in found for c in one.candidates if c.reference}
        references = {reference[:2]: str(self._pictures.path(reference)) for reference in wanted}
        return PictureAnswer(faces[0].picture, found, answers, references)

    def _score(
        self, prints: Prints, rows: Mapping[ImageKey, int], probes: Sequence[Portrait], gallery: Sequence[Portrait]
    ) -> Matrix:
        theirs = self._ordered if gallery is self.ready.within.portraits else self._of(gallery)
        return matrix(prints.of([rows[probe[:2]] for probe in probes]), theirs)

    def _of(self, portraits: Sequence[Portrait]) -> Prints:
        return self._prints.of([self._places[portrait[:2]] for portrait in portraits])

    def answers(self, decisions: Mapping[ImageKey, Sequence[Decision]] | None = None) -> Answers:
        """Answer this gallery's question of params.yaml for all its portraits.

        Args:
            decisions: people's decisions, by data set and image; None: the decisions in the study's own file.
        """
        decided = self.decisions if decisions is None else decisions
        return self.ready.answers(self.portraits, decided, lambda a, b: matrix(self._of(a), self._of(b)))

    def sheets(self, answers: Answers, faces: Sequence[Face] = ()) -> list[Sheet]:
        """Return what to show for each portrait: candidates with cautions, and the facts about their pictures.

        Args:
            answers: answers of this gallery.
            faces: the faces of the user's picture, if the answers are about such faces.
        """
        handed = {(ASKED, face.name): face for face in faces}
        portraits = {answer.probe for answer in answers.answers}
        portraits |= {c.reference for answer in answers.answers for c in answer.candidates if c.reference}
        accounts = {
            p[:2]: handed[p[:2]].account if p[:2] in handed else self._pictures.account(p) for p in sorted(portraits)
        }
        shown = ShownPortraits(
            accounts,
            lambda portrait: handed[portrait[:2]].crop if portrait[:2] in handed else self._pictures.crop(portrait),
            lambda dataset: self.model.doubtful if dataset == ASKED else self._pictures.doubtful(dataset),
            self.model.is_nobody,
        )
        return sheets(answers, shown, self._learned, self.ready.entry.as_unidentified)

    def cautions(self, found: PictureAnswer, one: FaceAnswer) -> list[tuple[str, str]]:
        """Return the cautions about the candidates for a face of a picture: for each the sitter and a sentence."""
        if found.answers is None:
            return []
        every = found.answers
        alone = Answers([one.answer], every.known, every.sitters, every.calibrated_on, every.trouble)
        (sheet,) = self.sheets(alone, [one.face])
        return [(c.candidate.sitter, caution) for c in sheet.candidates for caution in c.cautions]

    def page(self, found: Sequence[PictureAnswer]) -> str:
        """Return a self-contained HTML page with a sheet for each face of some answers."""
        from pipeline.reporting.album import Album
        from pipeline.reporting.sheets import PicturesHandedIn, page

        every = [one for picture in found for one in picture.faces]
        faces = [one.face for one in every]
        some = next((picture.answers for picture in found if picture.answers is not None), None)
        if some is None:
            told: list[Sheet] = []
            joined = Answers([], self.ready.judged, self.sitters, len(self.ready.calibrations.sitters), "")
        else:
            joined = Answers([one.answer for one in every], some.known, some.sitters, some.calibrated_on, some.trouble)
            told = self.sheets(joined, faces)
        entry = self.ready.entry
        question = record(entry, joined, self.name, len(self), self.ready.known)
        handed = {(ASKED, face.name): face for face in faces}
        album = Album(HandedIn(handed, self._pictures))
        handed_in = PicturesHandedIn(self.note, [one.picture for one in found if not one.faces])
        return page(self.name, entry, told, self.ready.judged, question, album, handed_in)
