"""Kind `recordio`: a training set in one RecordIO file, as InsightFace ships MS1M, Glint360K and the like.

The file is kept as it is: no image becomes a file of its own. Each row of the manifest names a record by the file and
its byte offset (`train.rec/OFFSET`), which `align` reads as it reads files, and the checksum of its image.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256 as digest
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import SitterError
from pipeline.core.numbers import Ints
from pipeline.core.progress import progress
from pipeline.formats.recordio import RecordFile, read_index
from pipeline.formats.recordio_files import index_and_property
from pipeline.params.sources.recordio import RecordIOOptions
from pipeline.sources.local import own_file
from pipeline.store.columns import licence_column
from pipeline.store.raw import RawImage

logger = logging.getLogger(__name__)

# The first bytes of images: JPEG, PNG, BMP, WebP. A record 0 with several labels and such content is an image, too.
IMAGES = (b"\xff\xd8\xff", b"\x89PNG", b"BM", b"RIFF")
WITHOUT = "Without one the records are found by reading through the file."
# Errors of a file system that cannot copy within itself: the data is copied by reading and writing instead.
UNABLE = {errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}


def fetch(folder: Path, entry: str, options: RecordIOOptions) -> Iterator[RawImage]:
    """Copy a training set as InsightFace ships it: `train.rec`, and beside it `train.idx` and `property` if there.

    Args:
        folder: the folder for the file.
        entry: name of the entry.
        options: the options of the entry.

    Returns:
        The images in the order of the file, read lazily. Key and label become image_id and sitter.

    Raises:
        SitterError: the file is damaged or cut off, or the index, the header record or `property` does not fit it.
    """
    source, name = own_file(entry, options.path, options.url, options.sha256)
    index, property_ = index_and_property(source)
    records = RecordFile(source)
    found = listed(records, index if options.path and index.is_file() else None)
    if found.others:
        logger.info(f"{entry}: {found.others} records not taken: {found.why}")
    classes = _classes(property_) if options.path and property_.is_file() else None
    copy = folder / Path(name).with_suffix(".rec").name
    _copy(source, copy)
    further = licence_column(options.licence)
    return _images(RecordFile(copy), found, entry, source, options.label, classes, further)


@dataclass(frozen=True, eq=False)
class ImageRecords:
    """The records that hold images, in the order of the file; int64 [n] each."""

    keys: Ints
    offsets: Ints
    nexts: Ints
    """Start of the record after each, by the index; the size of the file for the last."""
    others: int = 0
    """How many records hold no image."""
    why: str = ""
    index: Path | None = None


def listed(file: RecordFile, index: Path | None) -> ImageRecords:
    """Find the records that hold images.

    Args:
        file: the records.
        index: the `.idx`, in any order; None to find the records by reading through the file, with keys
            0, 1, …

    Raises:
        SitterError: the index does not fit the file or lists only a part of it, or the header record promises images
            that are missing. Gaps between images are found when the images are read.
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
        _check_ends(file, index, keys, offsets)
    nexts = np.append(offsets[1:], file.size)
    first = np.flatnonzero(keys == 0)
    header = file.record(int(offsets[first[0]])) if len(first) else None
    if header is None or len(header.labels) < 2 or bytes(header.content[:4]).startswith(IMAGES):
        return ImageRecords(keys, offsets, nexts, index=index)
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
    for offset, after in zip(offsets[~images].tolist(), nexts[~images].tolist(), strict=True):
        if index and file.after(offset) != after:
            raise _partial(file, file.path, index, offsets)
    others = len(keys) - int(images.sum())
    why = f"record 0, which is a header, and {others - 1} that hold the range of keys of an identity"
    return ImageRecords(keys[images], offsets[images], nexts[images], others, why, index)


def _check_ends(file: RecordFile, index: Path, keys: Ints, offsets: Ints) -> None:
    """Raise SitterError unless the listed records begin with the file and end with it."""
    twice = np.flatnonzero(np.diff(offsets) == 0)
    if len(twice):
        raise SitterError(
            f"{index}: the keys {keys[twice[0]]} and {keys[twice[0] + 1]} stand for the same byte "
            f"{offsets[twice[0]]:,} ({len(twice)} such): delete the index. {WITHOUT}"
        )
    end = file.payload(int(offsets[-1]))[1]  # raises if the record is not whole, before the file is copied
    if offsets[0] or end != file.size:
        raise _partial(file, file.path, index, offsets)


def _partial(file: RecordFile, source: Path, index: Path, offsets: Ints, others: int = 0) -> SitterError:
    """Return the error about an index with records that do not fill the file, found by reading through it."""
    starts = np.fromiter(file.offsets(), np.int64)
    wrong = offsets[~np.isin(offsets, starts)]
    count = len(offsets) + others
    found = (
        f"has {len(wrong)} of {count:,} offsets at which no record begins, the first {wrong[0]:,}"
        if len(wrong)
        else f"lists {count:,} of the {len(starts):,} records in {source}"
    )
    return SitterError(
        f"{index} {found}: it was cut off, or it is another file's. Fetch both again, or delete the index. {WITHOUT}"
    )


def before(end: float, keys: Ints, is_image: Callable[[int], bool]) -> NDArray[np.bool_]:
    """Return which of the keys are images: those from 1 to before `end`, which record 0 states in float32.

    From 2^24 on float32 skips numbers (Glint360K has 17,091,657 images), so the records near `end` are read.
    """
    images = (keys > 0) & (keys < end)
    slack = int(np.spacing(np.float32(end)))
    if slack > 1:
        near = np.flatnonzero((keys >= end - slack) & (keys <= end + slack))
        images[near] = [is_image(int(i)) for i in near]
    return images


def _images(
    file: RecordFile,
    found: ImageRecords,
    entry: str,
    source: Path,
    label: int,
    classes: int | None,
    further: Mapping[str, str],
) -> Iterator[RawImage]:
    """Yield the images, all of them with the same further columns."""
    pairs = zip(found.keys, found.offsets, found.nexts, strict=True)
    for key, offset, after in progress(pairs, f"read {entry}", len(found.keys)):
        record, end = file.read(int(offset))
        if end != after and found.index is not None:
            raise _partial(file, source, found.index, found.offsets, found.others)
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
        yield RawImage(str(key), f"{file.path.name}/{offset}", f"{sitter:.0f}", content, further)


def _classes(path: Path) -> int:
    """Return the number of classes that `property` (classes,height,width) states."""
    text = path.read_text(encoding="utf-8", errors="replace").strip()
    classes = text.partition(",")[0].strip()
    if not classes.isdecimal() or not int(classes):
        raise SitterError(f"{path} begins with {text[:40]!r}: expected classes,height,width, as 85742,112,112.")
    return int(classes)


def _copy(source: Path, target: Path) -> None:
    """Copy a file; where the file system can, the copy shares its blocks with the original until either is changed."""
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
