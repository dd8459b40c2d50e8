"""Pictures that a person drops onto the page: their faces, and who may be on them. They are kept in memory only.

A browser has two places for pictures. A picture is forgotten when another picture takes its place, when the person says
so, when many other browsers have come since, and when the server ends.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from pipeline.answering.faces import Box
from pipeline.answering.study import OpenStudy
from pipeline.core.errors import SitterError
from pipeline.core.layout import MANIFEST
from pipeline.core.own_files import located
from pipeline.core.pixels import RGBImage
from pipeline.faces.correcting import correct_box
from pipeline.faces.image import UnreadableImage, decode_image
from pipeline.reporting.number_format import ratio
from pipeline.serving.review import Card, cards
from pipeline.serving.shown import FACE, WHOLE, jpeg
from pipeline.store.questions import question_file

if TYPE_CHECKING:
    from pipeline.answering.faces import Face
    from pipeline.answering.gallery import Gallery, PictureAnswer
    from pipeline.store.accounts import ImageAccount

PLACES = (0, 1)
BROWSERS = 8
MOST_BYTES = 60_000_000
MOST_MEGAPIXELS = 100.0
MOST_FACES = 40
KEPT = 900
"""Longer side in pixels of the copy of a picture that is kept for the sheet."""
LONGEST_NAME = 100


class Correct(BaseModel):
    """A person's correction for a dropped picture: another face, a box around the face, or another gallery."""

    model_config = ConfigDict(extra="forbid", strict=True)

    face: int | None = Field(default=None, ge=0, lt=MOST_FACES)
    """Number of the face among the faces that were found."""
    box: tuple[float, float, float, float] | None = None
    """x0, y0, x1, y1 in pixels of the picture."""
    where: str | None = Field(default=None, max_length=200)
    """Name of the gallery."""


class FromQuestion(BaseModel):
    """A portrait of a question in which a person wants to correct the face."""

    model_config = ConfigDict(extra="forbid", strict=True)

    question: str = Field(max_length=200)
    number: int = Field(ge=0)
    faceless: bool = False
    """Whether the number is a place in the list of portraits on which no face was found."""


@dataclass(frozen=True)
class Origin:
    """The image of the study that a picture is."""

    dataset: str
    image_id: str
    address: str
    """Address of its page in the review."""


@dataclass(frozen=True)
class Handed:
    """A picture that was dropped, or taken from a question."""

    name: str
    data: bytes
    """The file as it came; it is read again for another box."""
    size: tuple[int, int]
    """Width and height of the picture, turned upright, in pixels."""
    whole: bytes
    """A smaller copy of the picture as JPEG."""
    where: str
    """Name of the gallery that was searched."""
    faces: list[Face]
    cuts: list[bytes]
    """Each face as JPEG."""
    answer: PictureAnswer
    cards: list[tuple[list[Card], Card | None]]
    """Candidates of each face, and "none of these"."""
    drawn: bool
    """Whether a person has drawn the box."""
    chosen: int = 0
    origin: Origin | None = None
    """The image of the study that it is; None for a dropped picture."""

    @property
    def face(self) -> Face | None:
        """The face that is asked about; None if no face was found."""
        return self.faces[self.chosen] if self.faces else None


@dataclass(frozen=True)
class Alike:
    """How similar the faces of two pictures are, as text for the page."""

    score: str
    ratio: str
    words: str
    note: str


@dataclass
class Lookup:
    """Answers about dropped pictures by the galleries of a study; opened models stay open."""

    study: OpenStudy
    _galleries: dict[str, Gallery] = field(default_factory=dict)
    _opened: dict[str, list[int]] = field(default_factory=dict)
    """Times of change (ns) of the files from which each gallery was opened."""
    _held: OrderedDict[str, dict[int, Handed]] = field(default_factory=OrderedDict)
    _one_at_a_time: Lock = field(default_factory=Lock)
    """One picture is processed at a time, because decoding a large one and finding its faces take gigabytes."""

    @property
    def galleries(self) -> dict[str, str]:
        """The galleries that can be searched, with their models: the questions, or the data sets if there are none."""
        asked = {name: self.study.params.identify[name].model for name in self.study.questions}
        return asked or {dataset: self.study.models[0] for dataset in self.study.datasets if self.study.models}

    def held(self, browser: str) -> dict[int, Handed]:
        """Return the pictures of a browser, by place."""
        return dict(self._held.get(browser, {}))

    def put(self, browser: str, place: int, name: str, data: bytes, where: str, origin: Origin | None = None) -> Handed:
        """Answer for a picture, and keep it in a place of the browser.

        Raises:
            SitterError: the picture cannot be read, or there is no such gallery.
        """
        name = " ".join(name.split())[:LONGEST_NAME] or "picture"
        handed = replace(self._looked_at(name, data, where, None), origin=origin)
        mine = self._held.setdefault(browser, {})
        mine[place] = handed
        self._held.move_to_end(browser)
        while len(self._held) > BROWSERS:
            self._held.popitem(last=False)
        return handed

    def correct(self, browser: str, place: int, wish: Correct) -> Handed:
        """Answer for another face of a picture, for the face within a box, or by another gallery.

        Raises:
            KeyError: the browser has no picture in this place.
            SitterError: there is no such face, or the box is not within the picture.
        """
        handed = self._held[browser][place]
        origin = handed.origin
        if wish.box is not None:
            handed = self._looked_at(handed.name, handed.data, handed.where, _within(wish.box, handed.size))
        elif wish.face is not None:
            if wish.face >= len(handed.faces):
                raise SitterError(f"{handed.name} has {len(handed.faces)} faces, and none of this number.")
            handed = replace(handed, chosen=wish.face)
        else:
            handed = self._looked_at(handed.name, handed.data, wish.where or handed.where, None)
        self._held[browser][place] = handed = replace(handed, origin=origin)
        return handed

    def keep(self, browser: str, place: int) -> Path:
        """Write the box of the chosen face into the data set's CSV of corrections, and return its path in params.yaml.

        Raises:
            KeyError: the browser has no picture in this place.
            SitterError: the picture is not in the study or has no face, or params.yaml names no file.
            OSError: the file cannot be written.
        """
        handed = self._held[browser][place]
        if handed.origin is None or handed.face is None:
            raise SitterError(f"{handed.name} is no picture of the study with a face: there is nothing to correct.")
        dataset = handed.origin.dataset
        named = self.study.params.align[dataset].corrections
        if named is None:
            raise SitterError(
                f"Corrections cannot be saved: params.yaml names no file for them. Add the line `corrections: "
                f"corrections-{dataset}.csv` under `align: {dataset}:` and start again."
            )
        correct_box(self.study.at.root / located(named), handed.origin.image_id, handed.face.box)
        return located(named)

    def forget(self, browser: str) -> None:
        """Forget the pictures of a browser."""
        self._held.pop(browser, None)

    def alike(self, browser: str) -> Alike | None:
        """Compare the faces of a browser's two pictures; None if there are not two."""
        mine = self.held(browser)
        faces = [handed.face for handed in mine.values() if handed.face is not None]
        if len(faces) < len(PLACES):
            return None
        with self._one_at_a_time:
            model = self._gallery(mine[min(mine)].where).model
            found = model.compare(faces[0], faces[1])
        words = found.words[:1].upper() + found.words[1:]
        return Alike(f"{found.score:.3f}", ratio(found.log10_lr), words, found.note)

    def sheet(self, browser: str) -> str:
        """Return the answers about a browser's pictures as a self-contained page.

        Raises:
            KeyError: the browser has no pictures.
        """
        mine = self._held[browser]
        first = mine[min(mine)]
        alike = [handed.answer for handed in mine.values() if handed.where == first.where]
        with self._one_at_a_time:
            return self._gallery(first.where).page(alike)

    def reference(self, handed: Handed, rank: int) -> tuple[Path, ImageAccount, str] | None:
        """Return the reference picture of a candidate for the chosen face: file, account and data set."""
        if not handed.faces:
            return None
        listed = handed.answer.faces[handed.chosen].candidates
        portrait = next((c.reference for c in listed if c.rank == rank), None)
        if portrait is None:
            return None
        pictures = self._gallery(handed.where).pictures
        return pictures.path(portrait), pictures.account(portrait), portrait.dataset

    def _gallery(self, where: str) -> Gallery:
        """Return a gallery; it is opened again after a run that has changed its model or the answers."""
        if where not in self.galleries:
            raise SitterError(f"There is no gallery {where!r}: choose one from the list.")
        at, model = self.study.at, self.galleries[where]
        made = [
            file.stat().st_mtime_ns for file in (at.model(model) / MANIFEST, question_file(where, at)) if file.exists()
        ]
        if self._opened.get(where, made) != made:
            self.study, self._galleries = OpenStudy(self.study.params, at), {}
        if where not in self._galleries:
            self._galleries[where], self._opened[where] = self.study.gallery(where, model), made
        return self._galleries[where]

    def _looked_at(self, name: str, data: bytes, where: str, box: Box | None) -> Handed:
        with self._one_at_a_time:
            pixels = _pixels(name, data)
            gallery = self._gallery(where)
            height, width = pixels.shape[:2]
            small = _smaller(pixels)
            found = gallery.model.faces(pixels, name=name, box=box)[:MOST_FACES]
            cuts = [jpeg(pixels, face.box, FACE) for face in found]
            faces = [replace(face, pixels=small) for face in found]
            answer = gallery.identify(faces) if faces else _nothing(name)
            sheets = [] if answer.answers is None else gallery.sheets(answer.answers, faces)
            whole = jpeg(pixels, None, WHOLE)
        listed = [cards(sheet) for sheet in sheets]
        return Handed(name, data, (width, height), whole, where, faces, cuts, answer, listed, box is not None)


def _pixels(name: str, data: bytes) -> RGBImage:
    try:
        return decode_image(data, name, MOST_MEGAPIXELS)
    except UnreadableImage as error:
        reason = error.reason.replace("max_megapixels: ", "").replace("more than ", "and at most ")
        if "megapixels" not in reason:
            raise SitterError(f"{name}: {error.reason}.") from None
        raise SitterError(f"{name} is too large: {reason} are taken.") from None


def _nothing(name: str) -> PictureAnswer:
    from pipeline.answering.gallery import PictureAnswer

    return PictureAnswer(name, [], None, {})


def _smaller(pixels: RGBImage) -> RGBImage:
    """Return a copy with a longer side of at most `KEPT` pixels."""
    import numpy as np
    from PIL import Image as Pillow

    image = Pillow.fromarray(pixels)
    image.thumbnail((KEPT, KEPT), Pillow.Resampling.LANCZOS)
    return np.array(image, np.uint8)


def _within(box: Box, size: tuple[int, int]) -> Box:
    """Return a box with its corners in order, cut to the picture; raise SitterError if almost nothing of it is left."""
    if not all(math.isfinite(side) for side in box):
        raise SitterError("The box has to have four numbers.")
    (left, right), (top, bottom) = sorted((box[0], box[2])), sorted((box[1], box[3]))
    clipped = max(left, 0.0), max(top, 0.0), min(right, float(size[0])), min(bottom, float(size[1]))
    if clipped[2] - clipped[0] < 2 or clipped[3] - clipped[1] < 2:
        raise SitterError("The box is too small, or not within the picture: draw it around the face.")
    return clipped
