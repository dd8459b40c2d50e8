"""The protocol files of IJB-B and IJB-C: the images of each template, their media, and the comparisons.

NIST publishes lists of templates as CSV (`ijbc_1N_gallery_G1.csv`, `ijbc_1N_probe_mixed.csv`, a row for each image) and
the comparisons as two columns of template ids (`ijbc_11_G1_G2_matches.csv`). InsightFace gives crops of the faces, and
the same as text: `ijbc_face_tid_mid.txt` (image, template, medium) and `ijbc_template_pair_label.txt` (two templates
and 1 or 0). Whitelam et al.: IARPA Janus Benchmark-B Face Dataset, CVPRW 2017; Maze et al.: IARPA Janus Benchmark-C,
ICB 2018.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import SitterError
from pipeline.core.files import each_row

BOX = ("FACE_X", "FACE_Y", "FACE_WIDTH", "FACE_HEIGHT")
PixelBox = tuple[int, int, int, int]
"""Left, top, width and height in pixels."""


class NISTImage(NamedTuple):
    """An image of a template, as NIST's lists have it."""

    template: str
    subject: str
    file: str
    """Path below the folder of images."""
    box: PixelBox
    medium: str


class InsightFaceImage(NamedTuple):
    """An image of a template, as InsightFace's text files have it."""

    file: str
    template: str
    medium: str


@dataclass(frozen=True)
class TemplatePairs:
    """Comparisons of templates; arrays [n]."""

    names: list[str]
    """Names of the templates, each once."""
    a: NDArray[np.int64]
    """Place in `names` of the first template of each pair."""
    b: NDArray[np.int64]
    genuine: NDArray[np.bool_] | None
    """None where the file does not say which pairs are genuine."""


def subjects(path: Path) -> dict[str, str]:
    """Return the subject of each template in one of NIST's lists.

    Raises:
        SitterError: a column is missing, or a template has two subjects.
    """
    found: dict[str, str] = {}
    for line, row in enumerate(each_row(path, ("TEMPLATE_ID", "SUBJECT_ID")), start=2):
        template, subject = row["TEMPLATE_ID"].strip(), row["SUBJECT_ID"].strip()
        if found.setdefault(template, subject) != subject:
            raise SitterError(
                f"{path}, line {line}: template {template} has the subject {subject}, but {found[template]} above."
            )
    return found


def read_list(path: Path) -> list[NISTImage]:
    """Return the images in one of NIST's lists.

    Frames of one video (`frames/VIDEO_NUMBER.png`) are one medium, every other image is its own, unless the list has a
    column MEDIA_ID.

    Raises:
        SitterError: a column is missing, a template has two subjects, or a box is malformed.
    """
    subject = subjects(path)
    found = []
    for line, row in enumerate(each_row(path, ("TEMPLATE_ID", "FILENAME", *BOX)), start=2):
        try:
            box = tuple(round(float(row[side])) for side in BOX)
        except ValueError:
            box = (0, 0, 0, 0)
        if min(box[2:]) < 1:
            given = ", ".join(f"{side} {row[side]!r}" for side in BOX)
            raise SitterError(f"{path}, line {line}: found {given}; expected a face's box in pixels.")
        template, file = row["TEMPLATE_ID"].strip(), row["FILENAME"].strip()
        medium = (row.get("MEDIA_ID") or "").strip() or medium_of(file)
        found.append(NISTImage(template, subject[template], file, (box[0], box[1], box[2], box[3]), medium))
    return found


def medium_of(file: str) -> str:
    """Return the medium of an image by its path: the video of a frame, else the image itself.

    >>> medium_of("frames/1012_00031.png"), medium_of("img/7_2.jpg")
    ('frames/1012', 'img/7_2')
    """
    path = PurePosixPath(file).with_suffix("")
    if path.parent.name.startswith("frame") and "_" in path.name:
        return str(path.with_name(path.name.rpartition("_")[0]))
    return str(path)


def read_members(path: Path) -> list[InsightFaceImage]:
    """Return the rows of `ijbc_face_tid_mid.txt`: image, template and medium.

    Raises:
        SitterError: a row does not have three words.
    """
    return [InsightFaceImage(*row) for row in zip(*_words(path, 3), strict=True)]


def read_scores(path: Path) -> dict[str, str]:
    """Return the detector's score of each image of `ijbc_name_5pts_score.txt` (landmarks stand between name and score).

    Raises:
        SitterError: a row does not have twelve words.
    """
    columns = _words(path, 12)
    return dict(zip(columns[0], columns[-1], strict=True))


def read_template_pairs(path: Path) -> TemplatePairs:
    """Return the comparisons of `ijbc_11_G1_G2_matches.csv` or `ijbc_template_pair_label.txt`, millions of them.

    A row is two templates and, where it has a third word, 1 for a genuine and 0 for an impostor pair.

    Raises:
        SitterError: the rows do not have two or three words, or the third is neither 0 nor 1.
    """
    columns = _arrays(path, (2, 3))
    a, b = (column.dictionary_encode().combine_chunks() for column in columns[:2])
    names = list(dict.fromkeys([*a.dictionary.to_pylist(), *b.dictionary.to_pylist()]))
    place = {name: n for n, name in enumerate(names)}
    one, other = (
        np.array([place[name] for name in side.dictionary.to_pylist()], np.int64)[side.indices.to_numpy()]
        for side in (a, b)
    )
    if len(columns) == 2:
        return TemplatePairs(names, one, other, None)
    label = columns[2].dictionary_encode().combine_chunks()
    words = np.array(label.dictionary.to_pylist())[label.indices.to_numpy()]
    wrong = np.flatnonzero((words != "0") & (words != "1"))
    if len(wrong):
        raise SitterError(f"{path}, line {wrong[0] + 1}: the label is {str(words[wrong[0]])!r}; expected 1 or 0.")
    return TemplatePairs(names, one, other, words == "1")


def _words(path: Path, count: int) -> list[list[str]]:
    return [column.to_pylist() for column in _arrays(path, (count,))]


def _arrays(path: Path, counts: tuple[int, ...]) -> list[Any]:
    """Return the columns of a file without a header, as text; words are separated by commas, blanks or tabs."""
    import pyarrow as pa
    from pyarrow import csv

    with open(path, encoding="utf-8", errors="replace") as opened:
        first = opened.readline().strip()
    separator = next((one for one in (",", "\t") if one in first), " ")
    number = len(first.split(separator))
    if number not in counts:
        expected = " or ".join(map(str, counts))
        raise SitterError(f"{path}, line 1: found {first[:80]!r}; expected {expected} words.")
    columns = [str(n) for n in range(number)]
    try:
        table = csv.read_csv(
            path,
            csv.ReadOptions(column_names=columns),
            csv.ParseOptions(delimiter=separator),
            csv.ConvertOptions(column_types=dict.fromkeys(columns, pa.string()), strings_can_be_null=False),
        )
    except pa.ArrowInvalid as error:
        raise SitterError(f"{path} is no table of {number} words a line: {error}") from None
    return [table.column(name) for name in columns]
