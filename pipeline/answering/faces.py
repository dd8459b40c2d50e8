"""The faces of one picture, found and aligned with the settings of a data set of the study."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.core.alignment import align, crop_landmarks
from pipeline.core.errors import SitterError
from pipeline.core.layout import Layout
from pipeline.core.pixels import RGBImage
from pipeline.faces.aligner import Aligner, choose, described
from pipeline.faces.corrections import Correction
from pipeline.faces.detection import Detection
from pipeline.faces.image import decode_image, read_image
from pipeline.params.align import Align
from pipeline.store.accounts import ALIGNED, ImageAccount

PictureSource = str | Path | bytes | NDArray[np.uint8]
"""A file, the bytes of a file, or pixels: uint8 [height, width, 3], RGB."""
Box = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class Face:
    """A face in a picture."""

    picture: str
    """Name of the picture: its path as it was given."""
    number: int
    """1 for the face that `align` would take; then the others, by falling confidence."""
    box: Box
    """x0, y0, x1, y1 in pixels of the picture, turned upright."""
    landmarks: NDArray[np.float32]
    """[5, 2], x and y of left eye, right eye, nose, left and right mouth corner (left as in the image), in pixels of
    the picture like `box`."""
    score: float
    """The detector's confidence, 0 … 1."""
    crop: RGBImage
    """uint8 [112, 112, 3], RGB, aligned to ArcFace's template."""
    account: ImageAccount = field(repr=False)
    """What an account would say about it."""
    pixels: RGBImage = field(repr=False)
    """The whole picture: uint8 [height, width, 3], RGB."""

    @cached_property
    def crop_landmarks(self) -> NDArray[np.float32]:
        """The landmarks in pixels of the crop: float32 [5, 2]."""
        return crop_landmarks(self.landmarks)

    @property
    def name(self) -> str:
        """Name of the face: its picture, with its number if it is not the first."""
        return self.picture if self.number == 1 else f"{self.picture}#{self.number}"


class Finder:
    """Finds faces with the settings of an entry under `align`; the detectors are loaded once."""

    def __init__(self, settings: Align, at: Layout) -> None:
        """Load the detectors of the entry; their weights lie in the project `at`.

        Raises:
            SitterError: the weights are missing.
        """
        self.settings = settings
        self._aligner = Aligner(at.root, settings.model_dump(), at=at)

    def faces(self, picture: PictureSource, name: str = "", box: Box | None = None) -> list[Face]:
        """Return the faces of a picture: first the one that `align` would take, then the others by falling confidence.

        Args:
            picture: see `PictureSource`.
            name: name of the picture if it is no file.
            box: x0, y0, x1, y1 that a person has drawn around a face: only this face is returned.

        Raises:
            UnreadableImage: the picture cannot be read; the message says why.
            SitterError: the box lies outside of the picture.
        """
        name = name or (str(picture) if isinstance(picture, str | Path) else "picture")
        image = pixels_of(picture, name, self.settings.max_megapixels)
        height, width = image.shape[:2]
        if box is None:
            kind, found, reasons = self._aligner.detect(image)
        else:
            x0, y0, x1, y1 = box
            if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
                raise SitterError(f"{name}: the box {box} is not within the picture of {width}×{height} pixels.")
            drawn = Correction(0, "box", np.array([[x0, y0], [x1, y1]], np.float32))
            kind, found, reasons = self._aligner.corrected(image, drawn)
            reasons = ["the box was drawn by a person"]
        if not found:
            return []
        chosen, _ = choose(found, self.settings.choose, width, height)
        ordered = [chosen, *(face for face in found if face is not chosen)]
        return [self._face(image, name, n, face, kind, reasons) for n, face in enumerate(ordered, start=1)]

    def _face(
        self, image: RGBImage, name: str, number: int, found: Detection, kind: str, reasons: Sequence[str]
    ) -> Face:
        height, width = image.shape[:2]
        account = described(ImageAccount(name, name, "", ALIGNED, size=(width, height)), kind, found, reasons)
        x0, y0, x1, y1 = (round(float(x), 2) for x in found.box)
        crop = align(image, found.landmarks)
        return Face(name, number, (x0, y0, x1, y1), found.landmarks, round(found.score, 4), crop, account, image)


def pixels_of(picture: PictureSource, name: str, max_megapixels: float) -> RGBImage:
    """Return the pixels of a picture: uint8 [height, width, 3], RGB. Raises the same errors as `read_image`."""
    if isinstance(picture, bytes):
        return decode_image(picture, name, max_megapixels)
    if isinstance(picture, np.ndarray):
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
            raise SitterError(
                f"{name}: pixels are {picture.dtype} {list(picture.shape)}; expected uint8 [height, width, 3], RGB."
            )
        return np.ascontiguousarray(picture)
    return read_image(Path(picture), max_megapixels)


def fingerprint(*parts: object) -> str:
    """Return a short hash of the things that a result was made with."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:24]


Find = Callable[[PictureSource], list[Face]]
