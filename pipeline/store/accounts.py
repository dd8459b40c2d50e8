"""The account of a data set's images, `data/faces/<dataset>/faces.csv`: the result for each image."""

from __future__ import annotations

import csv
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from sys import intern
from typing import TYPE_CHECKING, Any, NamedTuple

from pipeline.core.cells import Number
from pipeline.core.errors import SitterError, nearest
from pipeline.core.files import each_batch, each_row, read_columns, repeated_checksums
from pipeline.core.layout import Layout
from pipeline.core.typed_files import each_typed, from_file
from pipeline.store.columns import ARTIST, DEALT, FOUND, GIVEN, PAIRS, RENDERED, PairPlace, pair_places

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

ACCOUNT = "faces.csv"
REQUIRED = ("image_id", "sitter", "status")
OWN = ("image_id", "path", "sitter", *FOUND)
"""Columns that every account has, in order; the columns of the source follow."""
ALIGNED = "aligned"
"""The status of an image with a face in the store."""
NO_FACE = "no_face"
"""The status of an image on which no face was found."""
UNREADABLE = "unreadable"
"""The status of an image that cannot be read."""
DROPPED = "dropped"
"""The status of an image that a person has taken out."""
DOUBTFUL = "doubtful.html"
"""The page of images that a human should check."""
BOX = ("x0", "y0", "x1", "y1")
"""Columns of the place of a face in its image."""
SIZE = ("width", "height")
"""Columns of the size of an image."""
NUMBERS = ("scale", "score", *BOX, "misfit", *SIZE, "faces")
"""Columns of numbers, which are empty where there is no face."""
TEXTS = ("image_id", "path", "sitter", "reason", "others")
"""Columns that are text even where every cell looks like a number."""
SHARED = ("sitter", "status", "origin", "rendering", ARTIST, PAIRS, "width", "height")
"""Columns in which many images have the same word."""
OURS = frozenset({*GIVEN, *FOUND, *DEALT, *RENDERED})
"""Columns that are not facts of the source about a picture."""

Box = tuple[float, float, float, float]


class OtherFace(NamedTuple):
    """A face in an image that was not chosen."""

    corners: str
    """Left, top, right and bottom in whole pixels of the image, separated by spaces."""
    score: str
    """The detector's score."""


@dataclass(frozen=True, slots=True)
class ImageAccount:
    """One image of a data set with all that the account says about it."""

    image_id: str
    path: str
    """Path below the folder of the data set's images."""
    sitter: str
    status: str
    reason: str = ""
    faces: int = 0
    """Number of faces that were found."""
    detector: str = ""
    """The kind of the detector that found the chosen face."""
    scale: float | None = None
    """By how much the image was enlarged when the face was found."""
    score: float | None = None
    """The detector's score of the chosen face."""
    box: Box | None = None
    """The chosen face: left, top, right and bottom in pixels of the image."""
    size: tuple[int, int] | None = None
    """Width and height of the image in pixels."""
    misfit: float | None = None
    """How far the landmarks are from a frontal face's, in pixels of the crop."""
    others: tuple[OtherFace, ...] = ()
    """Some of the faces that were not chosen."""
    corrected: str = ""
    """What a person has corrected."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Facts from the source, as far as it has them: artist, title, year and so on, in the order of the file."""


class AccountedImage(NamedTuple):
    """One image of a data set, as in the account: every field is text, and empty where the account says nothing."""

    image_id: str
    sitter: str
    status: str
    origin: str = ""
    """The photograph that a rendering was made from; empty for photographs."""
    rendering: str = ""
    """The number of a rendering among all renderings of its photograph."""
    artist: str = ""
    pairs: str = ""
    """The image's places in the pairs that the data set comes with, such as `7a+ 12b-`."""
    width: str = ""
    height: str = ""
    score: str = ""
    """The detector's score of the face."""
    file: str = ""
    """SHA-256 of the image's file if another image of the data set is the same file; otherwise empty."""
    box: tuple[str, ...] = ()
    """The place of the face in the image, x0 to y1, if `file` is not empty; otherwise ()."""

    @property
    def places(self) -> list[PairPlace]:
        """The same places; raises SitterError if `pairs` holds something else."""
        return pair_places(self.pairs)


@dataclass(frozen=True)
class Account:
    """The account of a data set: the result for each of its images."""

    path: Path
    columns: frozenset[str]
    """The columns that the file has."""
    images: list[AccountedImage]
    """The images in the order of the file, from line 2 on."""


class ImageFile(NamedTuple):
    """The file of one image of a data set, to find the same file in other data sets."""

    image_id: str
    sha256: str
    """Empty where the account does not say it."""
    box: tuple[str, ...]
    """The place of the face in the image, x0 to y1, as text; empty words where there is no face."""


@dataclass(frozen=True)
class Accounted:
    """One image of a data set as the report shows it; further columns of the account are not read."""

    image_id: str
    status: str
    path: str = ""
    """Path below the folder of the data set's images; empty if it is not known."""
    sitter: str = ""
    reason: str = ""
    faces: Number = None
    """Number of faces that were found."""
    corrected: str = ""
    """What a person has corrected."""
    style: str = ""
    """Style of a painted image."""
    x0: Number = None
    y0: Number = None
    x1: Number = None
    y1: Number = None
    """The chosen face: left, top, right and bottom in pixels of the image."""
    width: Number = None
    """Width of the image in pixels."""


@dataclass(frozen=True)
class Alignment:
    """The folder of a data set's faces, as the report shows it."""

    images: Iterator[Accounted] = from_file(ACCOUNT, partial(each_typed, kind=Accounted))
    """The outcome for each image, read from the file one at a time, because there may be many."""
    doubtful: Path | None = from_file(DOUBTFUL, Path, absent=None)
    """The page of doubtful faces for a human to check; None where there is none."""


@contextmanager
def account_writer(
    folder: Path, carried: Iterable[str]
) -> Iterator[Callable[[ImageAccount, Mapping[str, str]], object]]:
    """Open a new account in an existing folder, and yield a function that writes an image and its carried columns.

    Args:
        folder: the folder of the data set's faces, while it is being made.
        carried: the columns of the source, which follow `OWN`.
    """
    with open(folder / ACCOUNT, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*OWN, *carried], restval="", lineterminator="\n")
        writer.writeheader()
        yield lambda image, cells: writer.writerow({**_as_row(image), **cells})


def _as_row(image: ImageAccount) -> dict[str, Any]:
    row: dict[str, Any] = {
        "image_id": image.image_id,
        "path": image.path,
        "sitter": image.sitter,
        "status": image.status,
        "reason": image.reason,
        "faces": image.faces,
        "detector": image.detector,
        "scale": image.scale,
        "score": image.score,
        "misfit": image.misfit,
        "others": "; ".join(" ".join(other) for other in image.others),
        "corrected": image.corrected,
    }
    row |= dict(zip(BOX, image.box or (), strict=bool(image.box)))
    return row | dict(zip(SIZE, image.size or (), strict=bool(image.size)))


def doubtful_file(dataset: str, at: Layout) -> Path:
    """Return the path of the page of images that a human should check."""
    return at.faces(dataset) / DOUBTFUL


def account_file(dataset: str, at: Layout) -> Path:
    """Return the path of a data set's account."""
    return at.faces(dataset) / ACCOUNT


def has_account(dataset: str, at: Layout) -> bool:
    """Whether faces have been looked for in a data set."""
    return account_file(dataset, at).exists()


def each_account(dataset: str, at: Layout, only: Collection[str] | None = None) -> Iterator[ImageAccount]:
    """Yield all that the account says about each image of a data set; None: about all images, not `only` some.

    Raises:
        SitterError: the file or one of the columns of `REQUIRED` is absent.
    """
    rows = each_row(account_file(dataset, at), REQUIRED)
    return (as_account(row) for row in rows if only is None or row["image_id"] in only)


def as_account(row: Mapping[str, str]) -> ImageAccount:
    """Return what a row of an account says."""

    def word(column: str) -> str:
        return row.get(column) or ""

    def number(column: str) -> float | None:
        return float(text) if (text := word(column)) else None

    x0, y0, x1, y1 = (number(side) for side in BOX)
    width, height = (number(side) for side in SIZE)
    return ImageAccount(
        image_id=row["image_id"],
        path=word("path"),
        sitter=intern(word("sitter")),
        status=intern(word("status")),
        reason=intern(word("reason")),
        faces=int(word("faces") or 0),
        detector=intern(word("detector")),
        scale=number("scale"),
        score=number("score"),
        box=None if x0 is None or y0 is None or x1 is None or y1 is None else (x0, y0, x1, y1),
        size=None if width is None or height is None else (int(width), int(height)),
        misfit=number("misfit"),
        others=tuple(OtherFace(*other.rsplit(" ", 1)) for other in word("others").split("; ") if other),
        corrected=intern(word("corrected")),
        columns={column: value for column, value in row.items() if value and column not in OURS},
    )


def each_account_in(folder: Path) -> Iterator[ImageAccount]:
    """Yield the images of the account in a folder, such as the folder of a part of a data set."""
    return map(as_account, each_row(folder / ACCOUNT))


def each_file(dataset: str, at: Layout) -> Iterator[ImageFile]:
    """Yield the file of each image of a data set; none if the account has no checksums."""
    for row in each_row(account_file(dataset, at), ("image_id",)):
        if "sha256" not in row:
            return
        yield ImageFile(row["image_id"], row["sha256"], tuple(row.get(column) or "" for column in BOX))


def read_column(dataset: str, column: str, at: Layout) -> dict[str, str]:
    """Read one column of a data set's account, such as one that the user brought along, by image id.

    Raises:
        SitterError: the file or the column is absent.
    """
    file = account_file(dataset, at)
    known = next(each_row(file, ("image_id",)), None)
    if known is not None and column not in known:
        raise SitterError(f"{file} has no column {column!r}; {nearest(column, known)}")
    return {row["image_id"]: intern(row[column] or "") for row in each_row(file)}


def read_sizes(folder: Path) -> tuple[pa.StringArray, NDArray[np.float64]] | None:
    """Read the ids of all images of the account in a folder, and their sizes [n, 2], width and height; 0: not known.

    None if the account has no sizes.

    Raises:
        SitterError: the account is absent or broken.
    """
    import numpy as np

    file = folder / ACCOUNT
    if not {*SIZE} <= next(each_row(file), {}).keys():
        return None
    columns = read_columns(file, ["image_id", *SIZE])
    sizes = [[float(text or 0) for text in columns[column].to_pylist()] for column in SIZE]
    return columns["image_id"], np.array(sizes).T


def read_images(dataset: str, at: Layout) -> Account:
    """Read the account of a data set into compact objects, so that millions of images fit in memory.

    Raises:
        SitterError: the file or one of the columns of `REQUIRED` is absent.
    """
    path = account_file(dataset, at)
    columns = frozenset(next(each_row(path, REQUIRED), {}))
    repeated = repeated_checksums(path, "sha256") if "sha256" in columns else frozenset()
    images = []
    for batch in each_batch(path, [c for c in ("image_id", *SHARED, "score", "sha256", *BOX) if c in columns]):
        text = {name: column.to_pylist() for name, column in zip(batch.schema.names, batch.columns, strict=True)}
        nothing = [""] * batch.num_rows
        shared = (
            map(intern, text.get(name, nothing)) for name in SHARED
        )  # equal words of millions of rows are kept once
        boxes = zip(*(text.get(name, nothing) for name in BOX), strict=True)
        rest = zip(text.get("score", nothing), text.get("sha256", nothing), boxes, strict=True)
        for image_id, words, (score, file, box) in zip(text["image_id"], zip(*shared, strict=True), rest, strict=True):
            same = file in repeated
            images.append(AccountedImage._make((image_id, *words, score, file if same else "", box if same else ())))
    return Account(path, columns, images)
