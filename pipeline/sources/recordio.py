"""Kind `recordio`: a training set in one RecordIO file, as InsightFace ships MS1M, Glint360K and the like.

The file is kept as it is: no image becomes a file of its own. Each row of the manifest names a record by the file and
its byte offset (`train.rec/OFFSET`), which `align` reads as it reads files, and the checksum of its image.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from hashlib import sha256 as digest
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pipeline.errors import SitterError
from pipeline.faces.recordio import RecordFile, read_index
from pipeline.own import OwnPath
from pipeline.progress import progress
from pipeline.sources.beside import index_and_property
from pipeline.sources.images import Row
from pipeline.sources.local import own_file

Ints = NDArray[np.int64]
# What images begin with: JPEG, PNG, BMP, WebP. A record 0 that has several labels and an image is one image more.
IMAGES = (b"\xff\xd8\xff", b"\x89PNG", b"BM", b"RIFF")
# The file system cannot copy within itself: the other way is taken.
UNABLE = {errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}


def fetch(
    folder: Path,
    entry: str,
    *,
    path: OwnPath | None = None,
    url: str | None = None,
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None,
    label: Annotated[int, Field(ge=0)] = 0,
    licence: str | None = None,
) -> Iterator[Row]:
    """A training set as InsightFace ships it: `train.rec`, beside it `train.idx` and `property`, if there.

    Args:
        folder: where the file goes.
        entry: name of the entry.
        path: the `.rec`, relative to the project's root or absolute.
        url: where it is fetched from; needs `sha256`. Its index is rebuilt.
        sha256: checksum of the `.rec`.
        label: which of a record's labels is the sitter, counted from 0.
        licence: terms of use, kept beside the data.

    Returns:
        Rows of the manifest in the order of the file, read as they are asked for. Key and label become image_id and
        sitter.

    Raises:
        SitterError: the file is damaged or cut off, or the index, the header record or `property` does not fit it.
    """
    source, name = own_file(entry, path, url, sha256)
    index, property_ = index_and_property(source)
    keys, offsets = listed(RecordFile(source), index if path and index.is_file() else None)
    classes = _classes(property_) if path and property_.is_file() else None
    copy = folder / Path(name).with_suffix(".rec").name
    _copy(source, copy)
    further = {"licence": licence} if licence else {}
    return _rows(RecordFile(copy), keys, offsets, entry, source, label, classes, further)


def listed(file: RecordFile, index: Path | None) -> tuple[Ints, Ints]:
    """Keys and byte offsets, int64 [n] each, of the records that hold images, in the order of the file.

    Args:
        file: the records.
        index: the `.idx`, in any order; None: the records are found by reading through the file, and their keys are
            0, 1, …

    Raises:
        SitterError: the index does not fit the file, or the header record promises images that are not there.
    """
    if index is None:
        offsets = np.fromiter(file.offsets(), np.int64)
        keys = np.arange(len(offsets))
    else:
        keys, offsets = read_index(index)
        order = np.argsort(offsets, kind="stable")
        keys, offsets = keys[order], offsets[order]
        beyond = int((offsets >= file.size).sum())
        if beyond or offsets[0] < 0:
            raise SitterError(
                f"{file.path} has {file.size:,} bytes, but {index} lists {beyond} of {len(keys)} records beyond them: "
                "the file was cut off, or the index is another file's. Fetch both again."
            )
        file.payload(int(offsets[-1]))  # whole? if not, that is better known before the copy
    first = np.flatnonzero(keys == 0)
    header = file.record(int(offsets[first[0]])) if len(first) else None
    if header is None or len(header.labels) < 2 or bytes(header.content[:4]).startswith(IMAGES):
        return keys, offsets
    end = header.labels[0]
    if not 1 < end < 1 << 62 or end != int(end):
        raise SitterError(f"{file.path}: record 0 says that images are the keys before {end:g}: it is no header.")
    images = before(end, keys, lambda i: len(file.record(int(offsets[i])).content) > 0)
    missing = int(end) - 1 - int(images.sum())
    if missing > max(int(np.spacing(np.float32(end))) - 1, 0):
        absent = np.setdiff1d(np.arange(1, int(end)), keys[images])
        raise SitterError(
            f"{file.path}: record 0 says that its images are the keys 1 to {int(end) - 1}, but {missing} of them are "
            f"missing, the first {absent[0]}: the file was cut off, or the index is another file's. Fetch both again."
        )
    return keys[images], offsets[images]


def before(end: float, keys: Ints, is_image: Callable[[int], bool]) -> NDArray[np.bool_]:
    """Which of the keys are images: those from 1 to before `end`, as record 0 says in float32.

    From 2^24 on that leaves out numbers (Glint360K has 17,091,657 images), so around the border the records are asked.
    """
    images = (keys > 0) & (keys < end)
    slack = int(np.spacing(np.float32(end)))
    if slack > 1:
        near = np.flatnonzero((keys >= end - slack) & (keys <= end + slack))
        images[near] = [is_image(int(i)) for i in near]
    return images


def _rows(
    file: RecordFile,
    keys: Ints,
    offsets: Ints,
    entry: str,
    source: Path,
    label: int,
    classes: int | None,
    further: Row,
) -> Iterator[Row]:
    """A row of the manifest for each image."""
    pairs = zip(keys, offsets, strict=True)
    for key, offset in progress(pairs, f"read {entry}", len(keys)):
        record = file.record(int(offset))
        where = f"{source}: the record at byte {offset:,} (key {key})"
        if label >= len(record.labels):
            raise SitterError(
                f"{where} has {len(record.labels)} labels, but download.{entry}.label is {label}, counted from 0."
            )
        sitter = record.labels[label]
        if not sitter >= 0 or sitter != sitter // 1:
            raise SitterError(
                f"{where} has the label {sitter:g}, but a sitter is a whole number from 0: is it another of the "
                f"record's {len(record.labels)} labels? Set download.{entry}.label."
            )
        if classes is not None and sitter >= classes:
            raise SitterError(
                f"{where} has the label {sitter:.0f}, but the file property beside it counts {classes} classes, "
                "0 and up: the two do not belong together. Fetch both again, or take property away."
            )
        content = digest(record.content).hexdigest()
        yield {
            "image_id": str(key),
            "path": f"{file.path.name}/{offset}",
            "sitter": f"{sitter:.0f}",
            "sha256": content,
        } | further


def _classes(path: Path) -> int:
    """How many classes `property` (classes,height,width) counts."""
    text = path.read_text(encoding="utf-8", errors="replace").strip()
    classes = text.partition(",")[0].strip()
    if not classes.isdecimal() or not int(classes):
        raise SitterError(f"{path} begins with {text[:40]!r}: expected classes,height,width, as 85742,112,112.")
    return int(classes)


def _copy(source: Path, target: Path) -> None:
    """A copy; where the file system can, one that shares its blocks with the original until either is changed."""
    if hasattr(os, "copy_file_range"):
        try:
            with open(source, "rb") as file, open(target, "wb") as copy:
                while os.copy_file_range(file.fileno(), copy.fileno(), 1 << 30):
                    pass
            if target.stat().st_size == source.stat().st_size:
                return
        except OSError as error:
            if error.errno not in UNABLE:
                raise
    shutil.copyfile(source, target)
