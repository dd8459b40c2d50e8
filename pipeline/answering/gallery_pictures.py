"""The pictures of a gallery's portraits, and the pictures that were handed in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pipeline.identification.search import Portrait

if TYPE_CHECKING:
    from pipeline.answering.faces import Face
    from pipeline.core.pixels import RGBImage
    from pipeline.store.accounts import ImageAccount


class GalleryPictures(Protocol):
    """The pictures of a gallery's portraits, and what is known about them."""

    def path(self, portrait: Portrait) -> Path:
        """Return the path of a portrait's picture."""

    def crop(self, portrait: Portrait) -> RGBImage:
        """Return a portrait's aligned face: uint8 [112, 112, 3], RGB."""

    def whole(self, portrait: Portrait) -> RGBImage | None:
        """Return a portrait's picture: uint8 [height, width, 3], RGB; None where it cannot be read."""

    def account(self, portrait: Portrait) -> ImageAccount:
        """Return what the account says about a portrait."""

    def doubtful(self, dataset: str) -> float:
        """Return the detection score below which a face of a data set counts as doubtful."""


class HandedIn:
    """The pixels for a page about faces that were handed in, with portraits of a gallery."""

    def __init__(self, faces: Mapping[tuple[str, str], Face], gallery: GalleryPictures) -> None:
        """Take the faces that were handed in by (data set's name, file name); all other crops come from `gallery`."""
        self._faces, self._gallery = faces, gallery

    def crop(self, dataset: str, image_id: str) -> RGBImage | None:
        """Return the aligned face of an image."""
        face = self._faces.get((dataset, image_id))
        return self._gallery.crop(Portrait(dataset, image_id, "", "")) if face is None else face.crop

    def whole(self, dataset: str, path: str) -> RGBImage | None:
        """Return a picture that was handed in; None for all others."""
        face = self._faces.get((dataset, path))
        return None if face is None else face.pixels
