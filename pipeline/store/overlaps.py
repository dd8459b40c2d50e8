"""The overlap of a test set with training sets, `data/overlap/<entry>/`.

`images.csv` has pairs of images that show the same picture. `sitters.csv` has the persons on both sides. `excluded.csv`
has the test images that benchmarks and `explain` leave out. `summary.json` has the counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline.core.cells import Number
from pipeline.core.files import read_csv, write_csv
from pipeline.core.json_records import object_of, write_object
from pipeline.core.layout import Layout
from pipeline.core.typed_files import from_file, rows_of
from pipeline.store.subset_size import SubsetSize

IMAGES, SITTERS, EXCLUDED, SUMMARY = "images.csv", "sitters.csv", "excluded.csv", "summary.json"
IMAGE_COLUMNS = ("test", "train", "train_dataset", "test_sitter", "train_sitter", "similarity")
SITTER_COLUMNS = ("test_sitter", "train_sitter", "train_dataset", "by_name", "by_embedding", "similarity")


@dataclass(frozen=True)
class SharedImage:
    """A test image and a training image that show the same picture."""

    test: str
    train: str
    train_dataset: str
    test_sitter: str
    train_sitter: str
    similarity: Number
    """Correlation of the two pictures after registration."""


@dataclass(frozen=True)
class SharedSitter:
    """A test sitter and a training sitter who are, or may be, one person."""

    test_sitter: str
    train_sitter: str
    train_dataset: str
    by_name: bool
    by_embedding: bool
    similarity: Number
    """Cosine of their mean embeddings; None if the entry names no model."""


@dataclass(frozen=True)
class Summary:
    """The overlap in numbers."""

    train: SubsetSize
    test: SubsetSize
    near_duplicates: int
    """Number of test images that show the same picture as a training image."""
    sitters_by_name: int
    sitters_by_embedding: int | None
    """None if the entry names no model, as in the next three fields."""
    model: str | None
    threshold: float | None
    """The cosine from which two sitters count as one person; None if the test set has a single sitter, too."""
    by_chance: float | None
    """Number of test sitters that are expected to exceed the threshold by chance."""
    exclude: str
    """What is left out: an option of the entry."""
    excluded: int
    """Number of test images that benchmarks and `explain` leave out."""


@dataclass(frozen=True)
class FoundOverlap:
    """The overlap of a test set with training sets: the folder of an entry of `overlap`."""

    summary: Summary = from_file(SUMMARY, object_of(Summary))
    images: list[SharedImage] = from_file(IMAGES, rows_of(SharedImage))
    sitters: list[SharedSitter] = from_file(SITTERS, rows_of(SharedSitter))


def write_overlap(
    folder: Path,
    images: Iterable[SharedImage],
    sitters: Iterable[SharedSitter],
    excluded: Iterable[str],
    summary: Summary,
) -> None:
    """Write the files of an entry into an existing folder.

    Args:
        folder: the folder of the entry, while it is being made.
        images: the rows of `images.csv`.
        sitters: the rows of `sitters.csv`.
        excluded: ids of the test images that benchmarks and `explain` leave out.
        summary: the overlap in numbers.
    """
    write_csv(folder / IMAGES, map(_image_as_text, images), IMAGE_COLUMNS)
    write_csv(folder / SITTERS, map(_sitter_as_text, sitters), SITTER_COLUMNS)
    write_csv(folder / EXCLUDED, [{"image_id": i} for i in excluded], ["image_id"])
    write_object(folder / SUMMARY, summary)


def _image_as_text(image: SharedImage) -> dict[str, str]:
    return asdict(image) | {"similarity": _similarity(image.similarity)}


def _sitter_as_text(sitter: SharedSitter) -> dict[str, str]:
    found = {"by_name": str(int(sitter.by_name)), "by_embedding": str(int(sitter.by_embedding))}
    return asdict(sitter) | found | {"similarity": _similarity(sitter.similarity)}


def _similarity(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def read_excluded(names: Iterable[str], at: Layout) -> set[str]:
    """Return the ids of the images that the named entries of `overlap` leave out.

    Raises:
        SitterError: the file of an entry is missing, or is no table with the column `image_id`.
    """
    return {row["image_id"] for name in names for row in read_csv(at.overlap(name) / EXCLUDED, ["image_id"])}
