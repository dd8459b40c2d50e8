"""What a test set shares with training sets, `data/overlap/<entry>/`.

`images.csv` has pairs of images that show the same picture, `sitters.csv` the persons on both sides, `excluded.csv` the
test images that benchmarks and `explain` leave out, and `summary.json` the counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pipeline.core.files import read_csv, read_json, write_csv, write_json
from pipeline.plan.layout import HERE, Layout

IMAGES, SITTERS, EXCLUDED, SUMMARY = "images.csv", "sitters.csv", "excluded.csv", "summary.json"
IMAGE_COLUMNS = ("test", "train", "train_dataset", "test_sitter", "train_sitter", "similarity")
SITTER_COLUMNS = ("test_sitter", "train_sitter", "train_dataset", "by_name", "by_embedding", "similarity")


def write_overlap(
    folder: Path,
    images: Iterable[Mapping[str, Any]],
    sitters: Iterable[Mapping[str, Any]],
    excluded: Iterable[str],
    summary: Mapping[str, Any],
) -> None:
    """Write the files of an entry into an existing folder.

    Args:
        folder: the folder of the entry, while it is being made.
        images: the rows of `images.csv`, with `IMAGE_COLUMNS`.
        sitters: the rows of `sitters.csv`, with `SITTER_COLUMNS`.
        excluded: ids of the images that no benchmark counts.
        summary: the content of `summary.json`.
    """
    write_csv(folder / IMAGES, images, IMAGE_COLUMNS)
    write_csv(folder / SITTERS, sitters, SITTER_COLUMNS)
    write_csv(folder / EXCLUDED, [{"image_id": i} for i in excluded], ["image_id"])
    write_json(folder / SUMMARY, summary)


def read_excluded(names: Iterable[str], at: Layout = HERE) -> set[str]:
    """Return the ids of the images that some entries of `overlap` leave out.

    Raises:
        SitterError: the file of an entry is missing, or is no table with the column `image_id`.
    """
    return {row["image_id"] for name in names for row in read_csv(at.overlap(name) / EXCLUDED, ["image_id"])}


def find_summary(name: str, at: Layout = HERE) -> dict[str, Any]:
    """Return the counts of an entry; empty where it has not been made."""
    file = at.overlap(name) / SUMMARY
    return dict(read_json(file)) if file.is_file() else {}


def read_shared_images(name: str, at: Layout = HERE) -> list[dict[str, str]]:
    """Read the pairs of images that show the same picture, as text."""
    return read_csv(at.overlap(name) / IMAGES, IMAGE_COLUMNS)


def read_shared_sitters(name: str, at: Layout = HERE) -> list[dict[str, str]]:
    """Read the persons on both sides, as text."""
    return read_csv(at.overlap(name) / SITTERS, SITTER_COLUMNS)
