"""Pictures inside the page: each is embedded once, as JPEG, and shown wherever it is referred to."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.identification.sheets import LINK
from pipeline.plan.layout import HERE, Layout
from pipeline.store.accounts import each_account, has_account

if TYPE_CHECKING:
    from pipeline.core.pixels import RGBImage
    from pipeline.store.faces import FaceStore

QUALITY = 82
THUMBNAIL = 120
"""Longer side of a thumbnail, in pixels: shown at half that size, so that it is sharp on fine screens."""
SHEET = 1600
"""Longer side of a contact sheet, in pixels."""
SHEET_BYTES = 700_000
CAPTION = ("artist", "title", "year", "medium", "institution", "inventory", "credit")
"""Columns of a caption, in this order; others stand in candidates.csv."""
RED, BLUE = (196, 30, 20), (25, 85, 190)
"""What speaks for one person in an attribution map, and what against it."""


@dataclass(frozen=True)
class Picture:
    """An embedded picture: its name in the page, its data and its size as shown."""

    name: str
    uri: str
    width: int
    height: int


@dataclass(frozen=True)
class Known:
    """What the source of a picture says of it."""

    caption: str = ""
    """Artist, title, year and so on."""
    link: str = ""
    """The address of the picture or its page."""


UNKNOWN = Known()


class Album:
    """The pictures of one page, by what they show; what cannot be read is None."""

    def __init__(self, at: Layout = HERE) -> None:
        """Of the pictures of a project."""
        self.at = at
        self._pictures: dict[tuple[str, str, str], Picture | None] = {}
        self._stores: dict[str, tuple[FaceStore, dict[str, int]] | None] = {}
        self._accounts: dict[str, dict[str, Known]] = {}

    @property
    def pictures(self) -> list[Picture]:
        """All that have been asked for and could be read, in the order in which they were."""
        return [p for p in self._pictures.values() if p is not None]

    def crop(self, dataset: str, image_id: str) -> Picture | None:
        """The aligned face of an image."""
        key = ("crop", dataset, image_id)
        if key not in self._pictures:
            store = self._store(dataset)
            at = None if store is None else store[1].get(image_id)
            pixels = None if store is None or at is None else store[0].crop(at)
            self._pictures[key] = None if pixels is None else picture(f"p{len(self._pictures)}", pixels)
        return self._pictures[key]

    def tinted(self, dataset: str, image_id: str, model: str, tints: Any) -> Picture | None:
        """The aligned face in grey under colours: `tints` float32 [112, 112] in −1 … 1, blue … red."""
        key = ("tinted", f"{dataset}/{model}", image_id)
        if key not in self._pictures:
            store = self._store(dataset)
            at = None if store is None else store[1].get(image_id)
            pixels = None if store is None or at is None else tinted(store[0].crop(at), tints)
            self._pictures[key] = None if pixels is None else picture(f"p{len(self._pictures)}", pixels)
        return self._pictures[key]

    def sitter(self, dataset: str, image_id: str) -> str:
        """Who sat for an image; empty where its data set has no faces."""
        store = self._store(dataset)
        at = None if store is None else store[1].get(image_id)
        return "" if store is None or at is None else store[0].sitters[at]

    def known(self, dataset: str, image_id: str) -> Known:
        """What the source says of an image."""
        if dataset not in self._accounts:
            rows = each_account(dataset, at=self.at) if has_account(dataset, self.at) else ()
            found = ((row["image_id"], _known(row)) for row in rows)
            self._accounts[dataset] = {image: known for image, known in found if known != UNKNOWN}
        return self._accounts[dataset].get(image_id, UNKNOWN)

    def thumbnail(self, dataset: str, path: str) -> Picture | None:
        """An image as delivered, made small."""
        return self.portrait(dataset, path, THUMBNAIL)

    def portrait(self, dataset: str, path: str, longest: int) -> Picture | None:
        """An image as delivered, no side of which is longer than so many pixels."""
        key = (f"image {longest}", dataset, path)
        if key not in self._pictures:
            self._pictures[key] = self._reduced(self.at.raw(dataset) / path, longest)
        return self._pictures[key]

    def _reduced(self, path: Path, longest: int) -> Picture | None:
        from pipeline.faces.image import UnreadableImage, read_image

        try:
            return picture(f"p{len(self._pictures)}", read_image(path), longest)
        except UnreadableImage:  # its account says so
            return None

    def _store(self, dataset: str) -> tuple[FaceStore, dict[str, int]] | None:
        if dataset not in self._stores:
            from pipeline.store.faces import FaceStore

            folder = self.at.faces(dataset)
            store = FaceStore(folder) if folder.is_dir() else None
            rows = {} if store is None else {image_id: i for i, image_id in enumerate(store.image_ids)}
            self._stores[dataset] = None if store is None else (store, rows)
        return self._stores[dataset]


def caption(columns: Mapping[str, str]) -> list[str]:
    """Return what a caption says of a picture: artist, title, year and so on, as far as its source knows them."""
    return [columns[column] for column in CAPTION if columns.get(column)]


def _known(columns: Mapping[str, str]) -> Known:
    link = next((columns[column] for column in reversed(LINK) if columns.get(column)), "")
    return Known(", ".join(caption(columns)), link if link.startswith(("https://", "http://")) else "")


class GivenAlbum(Album):
    """Pictures that are given as pixels, and lie in no project."""

    def __init__(
        self, crop: Callable[[str, str], RGBImage | None], whole: Callable[[str, str], RGBImage | None]
    ) -> None:
        """`crop` gives the face of an image, by data set and image id, and `whole` an image, by data set and path."""
        super().__init__()
        self._crop, self._whole = crop, whole

    def crop(self, dataset: str, image_id: str) -> Picture | None:
        """The aligned face of an image."""
        return self._of(("crop", dataset, image_id), self._crop, None)

    def portrait(self, dataset: str, path: str, longest: int) -> Picture | None:
        """An image, no side of which is longer than so many pixels."""
        return self._of((f"image {longest}", dataset, path), self._whole, longest)

    def _of(
        self, key: tuple[str, str, str], given: Callable[[str, str], RGBImage | None], longest: int | None
    ) -> Picture | None:
        if key not in self._pictures:
            pixels = given(*key[1:])
            self._pictures[key] = None if pixels is None else picture(f"p{len(self._pictures)}", pixels, longest)
        return self._pictures[key]


def sheet(path: Path) -> Picture | None:
    """A contact sheet, made small enough to be read on a page; None where there is none."""
    if not path.exists():
        return None
    from pipeline.faces.image import read_image

    pixels = read_image(path)
    for side in (SHEET, SHEET * 3 // 4, SHEET // 2):
        found = picture(path.stem, pixels, side)
        if len(found.uri) <= SHEET_BYTES:
            break
    return found


def tinted(crop: Any, tints: Any) -> Any:
    """uint8 [h, w, 3]: a pale grey copy of the crop, dyed the more the further from 0 its tint is."""
    import numpy as np

    grey = 70 + 0.62 * (crop @ np.array([0.299, 0.587, 0.114]))[..., None]
    share = np.abs(tints)[..., None].clip(0, 1) * 0.8
    dye = np.where(tints[..., None] > 0, RED, BLUE)
    return (grey * (1 - share) + dye * share).round().clip(0, 255).astype(np.uint8)


def picture(name: str, pixels: Any, longest: int | None = None) -> Picture:
    """uint8 [height, width, 3] RGB as a JPEG data URI, no side longer than `longest`."""
    from PIL import Image

    image = Image.fromarray(pixels)
    if longest is not None and max(image.size) > longest:
        image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=QUALITY, optimize=True)
    uri = "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
    return Picture(name, uri, *image.size)


def spread(items: Sequence[Any], most: int) -> list[Any]:
    """At most so many items, evenly from the whole.

    >>> spread([0, 1, 2, 3, 4, 5], 3)
    [0, 2, 4]
    """
    if len(items) <= most:
        return list(items)
    return [items[i * len(items) // most] for i in range(most)]
