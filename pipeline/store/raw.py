"""Images and weights as delivered, `data/raw/<entry>/`: the files, `manifest.csv` and `source.json`.

The manifest of images has a row for each `RawImage`: image_id, path, sitter, sha256, and whatever its source knows
about it. The manifest of weights is the plain one that every output folder has.
"""

from __future__ import annotations

import csv
import reprlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.core.errors import SitterError
from pipeline.core.files import MANIFEST, atomic_file, each_row, read_columns, read_json, write_csv, write_json
from pipeline.core.layout import Layout
from pipeline.store.columns import GIVEN, LICENCE, RENDERED, WRITTEN

SOURCE = "source.json"
FAILED = "failed.csv"
"""The images that a source could not fetch."""
PASSED_OVER = "passed-over.csv"
"""The photographs that `render` could not read."""
CONTACT_SHEET = "contact-sheet.png"
"""The picture in which `render` shows its styles."""
REQUIRED = ("image_id", "path", "sitter")
CHECKSUM = "sha256"


class RawImage(NamedTuple):
    """One image as its source delivers it: a row of the manifest."""

    image_id: str
    path: str
    """The file, relative to the entry's folder."""
    sitter: str
    """Empty for a portrait of nobody known."""
    sha256: str | None = None
    """Checksum of the image; None: it has not been computed."""
    further: Mapping[str, Any] = {}
    """The other columns of the manifest, by name: whatever the source knows about the image."""

    @property
    def carried(self) -> Mapping[str, Any]:
        """The columns that accompany the image to later stages: the checksum, if there is one, and the further ones."""
        return self.further if self.sha256 is None else {CHECKSUM: self.sha256, **self.further}

    def unidentified(self) -> RawImage:
        """Return the image without a sitter, since its name is a word for nobody; a further column keeps the word."""
        return self._replace(sitter="", further={**self.further, WRITTEN: self.sitter})

    def rendered(self, number: int, style: str, image_id: str, path: str, sha256: str) -> RawImage:
        """Return a rendering of this photograph; it has the photograph's sitter and further columns.

        Args:
            number: which of the photograph's renderings it is, from 0.
            style: the style in which it is painted.
            image_id, path, sha256: its own.
        """
        own = dict(zip(RENDERED, (self.image_id, number, style), strict=True))
        theirs = {name: value for name, value in self.further.items() if name not in own}
        return RawImage(image_id, path, self.sitter, sha256, own | theirs)


class NotFetched(NamedTuple):
    """An image that a source could not fetch."""

    line: int
    """Where it stands in the list of the source, counted from 1."""
    image_id: str
    sitter: str
    source: str
    """Its path or URL."""
    reason: str


class Origin(NamedTuple):
    """Where the files of an entry are from."""

    entry: str
    kind: str
    """The kind of the source."""
    options: Mapping[str, Any]
    """The options of the source that differ from their defaults: licence, checksum and so on."""

    @property
    def url(self) -> str:
        """The address of the one file that was fetched; empty for other sources."""
        return self.options.get("url") or ""

    @property
    def repo(self) -> str:
        """The repository on the Hugging Face hub; empty for other sources."""
        return self.options.get("repo") or ""


class PassedOver(NamedTuple):
    """A photograph that could not be painted."""

    image_id: str
    path: str
    reason: str


def manifest_file(entry: str, at: Layout) -> Path:
    """Return the path of the manifest of an entry's images, or of its weights."""
    return at.raw(entry) / MANIFEST


def checked(images: Iterable[object], where: str) -> Iterator[RawImage]:
    """Yield the images of a source; raises SitterError, which begins with `where`, if one of them is no `RawImage`."""
    for image in images:
        if not isinstance(image, RawImage):
            raise SitterError(
                f"{where}: the source made a {type(image).__name__}, {reprlib.repr(image)}, where a RawImage of "
                "pipeline.store.raw belongs. Let it make RawImage(image_id, path, sitter, sha256, further) for each "
                "image, with all other columns in the dict `further`."
            )
        yield image


def further_columns(images: Iterable[RawImage], unidentified: bool = False) -> list[str]:
    """Return the names of all further columns of some images.

    Args:
        images: the images.
        unidentified: whether the column for the words for nobody is one of them in any case.
    """
    found = dict.fromkeys(column for image in images for column in image.further)
    return list(found | {WRITTEN: None} if unidentified else found)


def write_manifest(folder: Path, images: Iterable[RawImage], further: Iterable[str] = ()) -> None:
    """Write the manifest of images into an existing folder, with what the source knows in the columns `further`.

    Raises:
        SitterError: an image has a further column that is not among these, or one that is a field of `RawImage`.
    """
    columns = list(further)
    known = frozenset(columns)
    if fields := known.intersection(GIVEN):
        raise SitterError(f"the images have the further column {min(fields)}: give it as this field of RawImage.")
    with atomic_file(folder / MANIFEST) as part, open(part, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*GIVEN, *columns])
        writer.writerows(_as_text(image, columns, known) for image in images)


def _as_text(image: RawImage, columns: Sequence[str], known: frozenset[str]) -> list[Any]:
    image_id, path, sitter, checksum, further = image
    if not further.keys() <= known:
        raise SitterError(
            f"image {image_id!r} has the further column {min(further.keys() - known)!r}, which other images lack. A "
            "source that makes its images one by one has to give each the columns of the first."
        )
    return [image_id, path, sitter, checksum, *map(further.get, columns)]


def write_failed(folder: Path, failed: Iterable[NotFetched]) -> None:
    """Write into an existing folder the list of images that could not be fetched."""
    write_csv(folder / FAILED, (image._asdict() for image in failed), NotFetched._fields)


def write_passed_over(folder: Path, unread: Iterable[PassedOver]) -> None:
    """Write into an existing folder the list of photographs that could not be painted."""
    write_csv(folder / PASSED_OVER, (photograph._asdict() for photograph in unread), PassedOver._fields)


def contact_sheet_file(dataset: str, at: Layout) -> Path:
    """Return the path of the picture that shows the styles of a painted data set."""
    return at.raw(dataset) / CONTACT_SHEET


def each_raw(entry: str, at: Layout, required: Sequence[str] = REQUIRED) -> Iterator[RawImage]:
    """Yield the images of a manifest, one at a time.

    Raises:
        SitterError: the file or one of the columns `required` is absent.
    """
    for row in each_row(manifest_file(entry, at), required):
        image_id, path, sitter = row.pop("image_id"), row.pop("path"), row.pop("sitter")
        checksum = (row.pop(CHECKSUM) or "") if CHECKSUM in row else None
        yield RawImage(image_id, path, sitter, checksum, row)


def raw_ids(entry: str, at: Layout) -> Any:
    """Read the ids of all images as an Arrow array of text, fast even for millions of images."""
    return read_columns(manifest_file(entry, at), ["image_id"])["image_id"]


def licences_of_images(entry: str, at: Layout) -> set[str]:
    """Return the licences that the images of a data set state; "" is in the set if an image states none.

    The set is empty if the entry has no manifest yet, or one without licences, such as the manifest of weights.
    """
    file = manifest_file(entry, at)
    if not file.is_file():
        return set()
    with open(file, newline="", encoding="utf-8") as opened:
        if LICENCE not in next(csv.reader(opened), ()):
            return set()
    return set(read_columns(file, [LICENCE])[LICENCE].unique().to_pylist())


def write_source(folder: Path, origin: Origin) -> None:
    """Write the origin and licence of an entry's files into an existing folder."""
    write_json(folder / SOURCE, {"entry": origin.entry, "kind": origin.kind, **origin.options})


def read_source(entry: str, at: Layout) -> Origin:
    """Return the origin of an entry's files; kind and options are empty where it is not recorded."""
    file = at.raw(entry) / SOURCE
    found = dict(read_json(file)) if file.is_file() else {}
    return Origin(found.pop("entry", entry), found.pop("kind", ""), found)
