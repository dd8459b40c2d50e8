"""What is behind the portraits of a gallery, and the pictures that were handed in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pipeline.identification.search import Portrait

if TYPE_CHECKING:
    from pipeline.answering.faces import Face
    from pipeline.core.pixels import RGBImage


class Pictures(Protocol):
    """What is behind the portraits of a gallery."""

    def path(self, portrait: Portrait) -> Path:
        """Return where its picture lies."""

    def crop(self, portrait: Portrait) -> RGBImage:
        """Return its face: uint8 [112, 112, 3], RGB."""

    def whole(self, portrait: Portrait) -> RGBImage | None:
        """Return the picture: uint8 [height, width, 3], RGB; None where it cannot be read."""

    def account(self, portrait: Portrait) -> Mapping[str, Any]:
        """Return its row of `faces.csv`."""

    def doubtful(self, dataset: str) -> float:
        """Return the score below which a face of a data set is doubtful."""


class HandedIn:
    """The pixels of a page about faces that were handed in, beside portraits of a gallery."""

    def __init__(self, faces: Mapping[tuple[str, str], Face], gallery: Pictures) -> None:
        """Show faces by what stands for their data set, and their name; all other crops are the gallery's."""
        self._faces, self._gallery = faces, gallery

    def crop(self, dataset: str, image_id: str) -> RGBImage | None:
        """Return the aligned face of an image."""
        face = self._faces.get((dataset, image_id))
        return self._gallery.crop(Portrait(dataset, image_id, "", "")) if face is None else face.crop

    def whole(self, dataset: str, path: str) -> RGBImage | None:
        """Return a picture that was handed in; None for all others."""
        face = self._faces.get((dataset, path))
        return None if face is None else face.pixels
