"""Pictures of a page: each picture is embedded once as JPEG, and can be shown several times by reference."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pipeline.core.pixels import RGBImage
    from pipeline.faces.project_pictures import ProjectPictures
    from pipeline.store.credits import Credit

QUALITY = 82
THUMBNAIL = 120
"""Longer side of a thumbnail in pixels; it is shown at half this size, so that it is sharp on fine screens."""
SHEET = 1600
"""Longer side of a contact sheet, in pixels."""
SHEET_BYTES = 700_000
RED, BLUE = (196, 30, 20), (25, 85, 190)
"""Colours of an attribution map: evidence for one person, and evidence against it."""


@dataclass(frozen=True)
class EmbeddedPicture:
    """An embedded picture: its name in the page, its data URI, and its size in pixels."""

    name: str
    uri: str
    width: int
    height: int


class Pixels(Protocol):
    """The source of the pixels for a page's pictures."""

    def crop(self, dataset: str, image_id: str) -> RGBImage | None:
        """Return the aligned face of an image; None where there is none."""

    def whole(self, dataset: str, path: str) -> RGBImage | None:
        """Return an image as delivered; None where it cannot be read."""


class Album:
    """The pictures of one page. A picture that cannot be read is None."""

    def __init__(self, pixels: Pixels) -> None:
        """Read pictures from `pixels`, each picture once."""
        self._pixels = pixels
        self._pictures: dict[tuple[str, str, str], EmbeddedPicture | None] = {}

    @property
    def pictures(self) -> list[EmbeddedPicture]:
        """All pictures that have been used and could be read, in the order of first use."""
        return [p for p in self._pictures.values() if p is not None]

    def crop(self, dataset: str, image_id: str) -> EmbeddedPicture | None:
        """Return the aligned face of an image."""
        return self._kept(("crop", dataset, image_id), lambda: self._pixels.crop(dataset, image_id))

    def tinted(self, dataset: str, image_id: str, model: str, tints: Any) -> EmbeddedPicture | None:
        """Return the aligned face in grey with coloured tints: `tints` is float32 [112, 112] in −1 (blue) … 1 (red)."""

        def dyed() -> RGBImage | None:
            crop = self._pixels.crop(dataset, image_id)
            return None if crop is None else tinted(crop, tints)

        return self._kept(("tinted", f"{dataset}/{model}", image_id), dyed)

    def thumbnail(self, dataset: str, path: str) -> EmbeddedPicture | None:
        """Return an image as delivered, as a thumbnail."""
        return self.portrait(dataset, path, THUMBNAIL)

    def portrait(self, dataset: str, path: str, longest: int) -> EmbeddedPicture | None:
        """Return an image as delivered, reduced so that no side is longer than `longest` pixels."""
        return self._kept((f"image {longest}", dataset, path), lambda: self._pixels.whole(dataset, path), longest)

    def _kept(
        self, key: tuple[str, str, str], pixels: Callable[[], RGBImage | None], longest: int | None = None
    ) -> EmbeddedPicture | None:
        if key not in self._pictures:
            found = pixels()
            self._pictures[key] = None if found is None else picture(f"p{len(self._pictures)}", found, longest)
        return self._pictures[key]


class StudyAlbum(Album):
    """The pictures of a study's report, with their sitters and credits."""

    def __init__(self, study: ProjectPictures) -> None:
        """Read pictures from the study's project, each picture once."""
        super().__init__(study)
        self._study = study

    def sitter(self, dataset: str, image_id: str) -> str:
        """Return the sitter of an image; empty where the sitter is unknown."""
        return self._study.sitter(dataset, image_id)

    def credit(self, dataset: str, image_id: str) -> Credit:
        """Return caption and link from an image's source."""
        return self._study.credit(dataset, image_id)

    def sheet(self, dataset: str) -> EmbeddedPicture | None:
        """Return the contact sheet of a painted data set, reduced until its JPEG is small enough for the page."""
        pixels = self._study.contact_sheet(dataset)
        return None if pixels is None else sheet(pixels)


def sheet(pixels: RGBImage) -> EmbeddedPicture:
    """Return a contact sheet, reduced until its data URI has at most `SHEET_BYTES` or its side `SHEET // 2`."""
    for side in (SHEET, SHEET * 3 // 4, SHEET // 2):
        found = picture("contact-sheet", pixels, side)
        if len(found.uri) <= SHEET_BYTES:
            break
    return found


def tinted(crop: Any, tints: Any) -> Any:
    """Return uint8 [h, w, 3]: a pale grey copy of the crop; a tint further from 0 gives a stronger colour."""
    import numpy as np

    grey = 70 + 0.62 * (crop @ np.array([0.299, 0.587, 0.114]))[..., None]
    share = np.abs(tints)[..., None].clip(0, 1) * 0.8
    dye = np.where(tints[..., None] > 0, RED, BLUE)
    return (grey * (1 - share) + dye * share).round().clip(0, 255).astype(np.uint8)


def picture(name: str, pixels: Any, longest: int | None = None) -> EmbeddedPicture:
    """Return uint8 [height, width, 3] RGB as a JPEG data URI, reduced so that no side is longer than `longest`."""
    from PIL import Image

    image = Image.fromarray(pixels)
    if longest is not None and max(image.size) > longest:
        image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=QUALITY, optimize=True)
    uri = "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
    return EmbeddedPicture(name, uri, *image.size)


def spread(items: Sequence[Any], most: int) -> list[Any]:
    """Return at most `most` items, spread evenly over all items.

    >>> spread([0, 1, 2, 3, 4, 5], 3)
    [0, 2, 4]
    """
    if len(items) <= most:
        return list(items)
    return [items[i * len(items) // most] for i in range(most)]
