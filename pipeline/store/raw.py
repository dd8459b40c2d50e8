"""Images and weights as delivered, `data/raw/<entry>/`: the files, `manifest.csv` and `source.json`.

The manifest of images has a row for each: image_id, path, sitter, sha256, and whatever its source knows about it. The
manifest of weights is the plain one that every output folder has.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.core.files import MANIFEST, each_row, read_columns, read_json, write_csv, write_json
from pipeline.core.layout import HERE, Layout
from pipeline.store.columns import GIVEN

SOURCE = "source.json"
PASSED_OVER = "passed-over.csv"
"""The photographs that `render` could not read."""
CONTACT_SHEET = "contact-sheet.png"
"""The picture in which `render` shows its styles."""
LICENCE = "licence"
REQUIRED = ("image_id", "path", "sitter")


class RawImage(NamedTuple):
    """One image as its source delivered it."""

    image_id: str
    path: str
    """The file, relative to the entry's folder."""
    sitter: str
    further: Mapping[str, str]
    """The other columns of the manifest, by name: the checksum, and whatever the source knows about the image."""


class PassedOver(NamedTuple):
    """A photograph that could not be painted."""

    image_id: str
    path: str
    reason: str


def manifest_file(entry: str, at: Layout = HERE) -> Path:
    """Return the path of the manifest of an entry's images, or of its weights."""
    return at.raw(entry) / MANIFEST


def write_manifest(folder: Path, rows: Iterable[Mapping[str, Any]], further: Iterable[str] = ()) -> None:
    """Write the manifest of images into an existing folder, with what the source knows in the columns `further`."""
    write_csv(folder / MANIFEST, rows, [*GIVEN, *further])


def write_passed_over(folder: Path, unread: Iterable[PassedOver]) -> None:
    """Write into an existing folder the list of photographs that could not be painted."""
    write_csv(folder / PASSED_OVER, (photograph._asdict() for photograph in unread), PassedOver._fields)


def contact_sheet_file(dataset: str, at: Layout = HERE) -> Path:
    """Return the path of the picture that shows the styles of a painted data set."""
    return at.raw(dataset) / CONTACT_SHEET


def each_raw(entry: str, at: Layout = HERE, required: Sequence[str] = REQUIRED) -> Iterator[RawImage]:
    """Yield the images of a manifest, one at a time.

    Raises:
        SitterError: the file or one of the columns `required` is absent.
    """
    for row in each_row(manifest_file(entry, at), required):
        yield RawImage(row.pop("image_id"), row.pop("path"), row.pop("sitter"), row)


def raw_ids(entry: str, at: Layout = HERE) -> Any:
    """Read the ids of all images as an Arrow array of text, fast even for millions of images."""
    return read_columns(manifest_file(entry, at), ["image_id"])["image_id"]


def licences_of_images(entry: str, at: Layout = HERE) -> set[str]:
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


def write_source(folder: Path, source: Mapping[str, Any]) -> None:
    """Write the origin and licence of an entry's files into an existing folder."""
    write_json(folder / SOURCE, source)


def read_source(entry: str, at: Layout = HERE) -> dict[str, Any]:
    """Return the origin of an entry's files; empty where it is not recorded."""
    file = at.raw(entry) / SOURCE
    return dict(read_json(file)) if file.is_file() else {}
