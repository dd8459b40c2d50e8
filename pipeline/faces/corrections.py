"""A human's corrections of what the detectors found: a CSV with a row for each image, checked before alignment.

Columns: `image_id`, and one of
* `box`: x0 y0 x1 y1, the face that is meant;
* `landmarks`: x and y of left eye, right eye, nose, left and right mouth corner (image left first), ten numbers;
* `drop`: the word drop, for an image that shows no face of its sitter.

Numbers are pixels of the image as a viewer shows it (turned upright), separated by spaces. Further columns are left to
the user.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import SitterError
from pipeline.core.names import nfc
from pipeline.faces.image import UnreadableImage, read_image
from pipeline.formats.user_csv import Row, open_table
from pipeline.store.raw import RawImage

COLUMNS = ("image_id", "box", "landmarks", "drop")
How = Literal["box", "landmarks", "drop"]
NUMBERS = {"box": 4, "landmarks": 10}
MEANT = {"box": "x0 y0 x1 y1", "landmarks": "x y of left eye, right eye, nose, left and right mouth corner"}
SHOWN = 10


@dataclass(frozen=True, eq=False)
class Correction:
    """A human's correction of one image.

    line: line of the file in which the row begins, counted from 1.
    points: float32 [2, 2], corners of the box; [5, 2], landmarks; [0, 2] where the image is dropped.
    """

    line: int
    how: How
    points: NDArray[np.float32]


def read_corrections(
    file: Path, field: str, images: Iterable[RawImage], folder: Path, max_megapixels: float
) -> dict[str, Correction]:
    """Return the corrections of a data set by image id.

    Args:
        file: the CSV.
        field: the field of params.yaml that names it, for messages.
        images: the images of the raw manifest; a correction of any other image is a fault.
        folder: the folder that their paths are relative to.
        max_megapixels: see `read_image`.

    Raises:
        SitterError: the file does not exist, or has faults; the message lists them, each with its line and what to do.
    """
    if not file.is_file():
        raise SitterError(
            f"{field} is {file}, which {'is no file' if file.exists() else 'does not exist'}: make it a CSV with the "
            f"header line {','.join(COLUMNS)}, or delete the field."
        )
    paths = {image.image_id: folder / image.path for image in images}
    found: dict[str, Correction] = {}
    faults: list[str] = []
    for line, row in _rows(file):
        where, image_id = f"{file}, line {line}", nfc(row["image_id"].strip())
        try:
            correction = _correction(line, row)
            if image_id not in paths:
                raise ValueError(_unknown(image_id, list(paths)))
            if image_id in found:
                raise ValueError(
                    f"{image_id} is corrected in line {found[image_id].line} already: delete one of the two"
                )
            _check_place(correction, paths[image_id], max_megapixels)
            found[image_id] = correction
        except ValueError as fault:
            faults.append(f"{where}: {fault}.")
    if faults:
        more = [f"… and {len(faults) - SHOWN} more"] if len(faults) > SHOWN else []
        raise SitterError("\n".join(faults[:SHOWN] + more))
    return found


def _rows(file: Path) -> Iterator[tuple[int, Row]]:
    """Yield the rows with their lines; where users have added columns of their own, a row may end before them."""
    table = open_table(file, ["image_id"], needed=COLUMNS, hint=", or separate the numbers by spaces")
    if not set(COLUMNS[1:]) & set(table.columns):
        raise SitterError(
            f"{file}: there is none of the columns {', '.join(COLUMNS[1:])}; found: {', '.join(table.columns)}. "
            f"The header line is {','.join(COLUMNS)}."
        )
    return table.rows()


def _correction(line: int, row: Mapping[str, str]) -> Correction:
    """Return the correction of one row; raises ValueError that says what is wrong with it."""
    given = {how: text for how in ("box", "landmarks", "drop") if (text := (row.get(how) or "").strip())}
    if len(given) != 1:
        raise ValueError(f"needs one of box, landmarks and drop; it has {' and '.join(given) or 'none'}")
    if "drop" in given:
        if given["drop"].lower() != "drop":
            raise ValueError(f"drop is {given['drop']!r}: write drop, or leave the cell empty")
        return Correction(line, "drop", np.zeros((0, 2), np.float32))
    how: How = "box" if "box" in given else "landmarks"
    words = re.split(r"[\s,;]+", given[how])
    try:
        numbers = np.array(words, np.float32)
    except ValueError:
        numbers = np.full(len(words), np.nan, np.float32)
    if len(numbers) != NUMBERS[how] or not np.isfinite(numbers).all():
        raise ValueError(f"{how} is {given[how]!r}; expected {NUMBERS[how]} numbers: {MEANT[how]}")
    points = numbers.reshape(-1, 2)
    if how == "box" and not (points[1] - points[0] >= 1).all():
        raise ValueError(f"box is {given[how]!r}: x1 and y1 must be larger than x0 and y0")
    if how == "landmarks":
        eyes, down = points[1] - points[0], points[3:].mean(0) - points[:2].mean(0)
        if eyes[0] * down[1] - eyes[1] * down[0] <= 0:  # a mirrored or flat face: no rotation brings it upright
            raise ValueError(
                "landmarks are mirrored or on one line: name the eye and mouth corner on the image's left first"
            )
    return Correction(line, how, points)


def _unknown(image_id: str, known: Sequence[str]) -> str:
    close = get_close_matches(image_id, known, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"image_id {image_id!r} is no image of the data set; {hint}copy it from faces.csv or doubtful.html"


def _check_place(correction: Correction, path: Path, max_megapixels: float) -> None:
    """Raise ValueError where a box or a face lies outside its image."""
    if correction.how == "drop":
        return
    try:
        height, width = read_image(path, max_megapixels).shape[:2]
    except UnreadableImage as error:
        raise ValueError(f"the image cannot be read ({error.reason}): write drop instead") from None
    low, high = correction.points.min(0), correction.points.max(0)
    if (high <= 0).any() or (low >= (width, height)).any():
        raise ValueError(f"{correction.how} lies outside the image, which has {width}×{height} pixels")
