"""MXNet RecordIO, as InsightFace ships its training sets (`train.rec`, `train.idx`, `property`), without mxnet.

A record is framed (dmlc-core, recordio.h) by the word 0xced7230a and a word with a flag in the upper 3 bits and in the
lower 29 bits the length; the payload is padded to 4 bytes. Where the magic word itself lies at a multiple of 4 bytes in
a payload, the record is cut there into parts (flags 1, 2 …, 3 instead of 0) and the word left out. The payload is an
image header (mxnet, recordio.py: `IRHeader`, struct IfQQ: flag, label, id, id2; with flag > 0, that many float32
labels follow and replace the label) and an encoded image. All numbers are little-endian.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from struct import Struct
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import SitterError
from pipeline.core.file_types import ENOUGH, known
from pipeline.core.files import atomic_file

MAGIC = 0xCED7230A
FRAME, HEADER = Struct("<II"), Struct("<IfQQ")
WORD = MAGIC.to_bytes(4, "little")
LONGEST = (1 << 29) - 1  # bytes in a part
WHOLE, FIRST, MIDDLE, LAST = range(4)
EXACT = 1 << 24  # labels are float32, which represents whole numbers exactly up to here


class BrokenRecord(SitterError):
    """A record that cannot be read; the message names the file and the byte offset."""


class PackedRecord(NamedTuple):
    """A record's labels and what follows them: an encoded image, or nothing."""

    labels: tuple[float, ...]
    content: memoryview


class RecordFile:
    """A `.rec` file, memory-mapped: gives any record by its byte offset, without a copy if it has one part."""

    def __init__(self, path: Path) -> None:
        """Open a file.

        Raises:
            SitterError: it is empty. OSError: it cannot be opened.
        """
        self.path = Path(path)
        with open(self.path, "rb") as file:
            if not file.seek(0, 2):
                raise SitterError(f"{self.path} is empty: fetch it again.")
            self._view = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))

    @property
    def size(self) -> int:
        """Size of the file in bytes."""
        return len(self._view)

    def payload(self, offset: int) -> tuple[memoryview, int]:
        """Return the payload of the record that begins at a byte offset, and the offset of the byte after the record.

        Raises:
            BrokenRecord: no whole record begins there.
        """
        flag, part, after = self._part(offset, offset)
        if flag == WHOLE:
            return part, after
        if flag != FIRST:
            raise self._broken(offset, "begins with the middle of a split record")
        parts = [part]
        while flag != LAST:
            flag, part, after = self._part(after, offset)
            if flag not in (MIDDLE, LAST):
                raise self._broken(offset, "is split, but its parts do not follow each other")
            parts.append(part)
        return memoryview(WORD.join(parts)), after

    def record(self, offset: int) -> PackedRecord:
        """Return labels and content of the record that begins at a byte offset.

        Raises:
            BrokenRecord: no whole record begins there, or it is too short for its labels.
        """
        return self.read(offset)[0]

    def read(self, offset: int) -> tuple[PackedRecord, int]:
        """Return the record that begins at a byte offset, and the offset after it; raises as `record` does."""
        payload, after = self.payload(offset)
        if len(payload) < HEADER.size:
            raise self._broken(offset, f"holds {len(payload)} bytes, fewer than an image header's {HEADER.size}")
        count, label, _, _ = HEADER.unpack_from(payload)
        if not count:
            return PackedRecord((label,), payload[HEADER.size :]), after
        start = HEADER.size + 4 * count
        if len(payload) < start:
            raise self._broken(offset, f"should hold {count} labels, but has {len(payload)} bytes")
        return PackedRecord(tuple(np.frombuffer(payload, "<f4", count, HEADER.size).tolist()), payload[start:]), after

    def offsets(self) -> Iterator[int]:
        """Yield the byte at which each record begins, going from one record to the next.

        Raises:
            BrokenRecord: at the first record that is not whole.
        """
        at = 0
        while at < self.size:
            yield at
            at = self.after(at)

    def after(self, offset: int) -> int:
        """Return the offset after the record that begins at an offset, without reading its payload."""
        flag, _, after = self._part(offset, offset)
        return after if flag == WHOLE else self.payload(offset)[1]

    def _part(self, at: int, offset: int) -> tuple[int, memoryview, int]:
        """Return flag and content of the part at a byte, and the offset after the part."""
        if at < 0 or at + FRAME.size > self.size:
            raise self._broken(offset, "is cut off: it should go on beyond the end")
        magic, word = FRAME.unpack_from(self._view, at)
        if magic != MAGIC:
            if at == 0 and (what := known(bytes(self._view[:ENOUGH]))):
                raise BrokenRecord(f"{self.path} is no RecordIO file but {what}: fetch it again.")
            place = "there" if at == offset else f"at byte {at:,}, where its next part should begin,"
            raise self._broken(offset, f"is none: {place} stands {magic:#010x} instead of {MAGIC:#010x}")
        start = at + FRAME.size
        end = start + (word & LONGEST)
        after = end + -end % 4
        if after > self.size:
            raise self._broken(offset, f"is cut off: it should go on to byte {after:,}")
        return word >> 29, self._view[start:end], after

    def _broken(self, offset: int, how: str) -> BrokenRecord:
        return BrokenRecord(
            f"{self.path} (of {self.size:,} bytes): the record at byte {offset:,} {how}. "
            "The file, or its index, is damaged or was not fetched to the end: fetch it again."
        )


def record_in(path: Path) -> memoryview | None:
    """Return the content of a record that a path names, `…/train.rec/OFFSET`; None where the path names none.

    Raises:
        BrokenRecord: no whole record begins there.
    """
    container = path.parent
    if container.suffix != ".rec" or not path.name.isdecimal() or not container.is_file():
        return None
    state = container.stat()
    return _opened(container.absolute(), state.st_ino, state.st_size, state.st_mtime_ns).record(int(path.name)).content


@lru_cache(4)
def _opened(path: Path, *state: int) -> RecordFile:
    """Return one memory map of a file for all its records; a new one if the file has changed."""
    return RecordFile(path)


def pack(labels: tuple[float, ...], content: bytes = b"", number: int = 0) -> bytes:
    """Return the payload of a record: an image header, the labels, the content."""
    if len(labels) == 1:
        return HEADER.pack(0, labels[0], number, 0) + content
    return HEADER.pack(len(labels), 0.0, number, 0) + np.array(labels, "<f4").tobytes() + content


def frame(payload: bytes) -> bytes:
    """Return a record as it stands in the file: framed, cut at each magic word in the payload, and padded."""
    aligned = np.frombuffer(payload, "<u4", len(payload) // 4)
    cuts = (4 * np.flatnonzero(aligned == MAGIC)).tolist()
    starts, ends = [0, *(cut + 4 for cut in cuts)], [*cuts, len(payload)]
    flags = [WHOLE] if not cuts else [FIRST, *[MIDDLE] * (len(cuts) - 1), LAST]
    framed = []
    for flag, start, end in zip(flags, starts, ends, strict=True):
        if end - start > LONGEST:
            raise SitterError(f"a record of {end - start:,} bytes is too long for RecordIO: at most {LONGEST:,}.")
        framed += [FRAME.pack(MAGIC, flag << 29 | end - start), payload[start:end], bytes(-(end - start) % 4)]
    return b"".join(framed)


class _Writer:
    """Writes records and the lines of their index, one after the other."""

    def __init__(self, records: BinaryIO, index: BinaryIO) -> None:
        self.records, self.index, self.offset = records, index, 0

    def write(self, key: int, payload: bytes) -> None:
        framed = frame(payload)
        self.index.write(f"{key}\t{self.offset}\n".encode())
        self.records.write(framed)
        self.offset += len(framed)


def write_records(path: Path, payloads: Iterable[tuple[int, bytes]]) -> None:
    """Write a `.rec` of payloads (see `pack`) by their keys, and the `.idx` beside it."""
    with atomic_file(path) as part, atomic_file(path.with_suffix(".idx")) as index:
        with open(part, "wb") as records, open(index, "wb") as lines:
            writer = _Writer(records, lines)
            for key, payload in payloads:
                writer.write(key, payload)


def write_training_set(path: Path, images: Iterable[tuple[int, bytes]], height: int = 112, width: int = 112) -> None:
    """Write a training set as InsightFace's `face2rec2.py` writes it: `.rec`, `.idx`, and `property` beside them.

    Record 0 holds (L0, L1): images are keys 1 … L0 − 1, identities L0 … L1 − 1, each with the range of its images'
    keys.

    Args:
        path: the `.rec`.
        images: label (0, 1, …) and encoded image, sorted by identity; they are read once, one at a time.
        height: height of the images in pixels.
        width: width of the images in pixels.

    Raises:
        SitterError: an identity's images are not consecutive, a label is no whole number that float32 holds, or there
            are none.
    """
    ranges: dict[int, list[int]] = {}
    property_ = path.with_name("property")
    with atomic_file(path) as part, atomic_file(path.with_suffix(".idx")) as index, atomic_file(property_) as about:
        with open(part, "wb") as records, open(index, "wb") as lines:
            writer = _Writer(records, lines)
            writer.write(0, pack((0.0, 0.0)))
            key, latest = 0, None
            for key, (label, image) in enumerate(images, start=1):
                if not 0 <= label <= EXACT or label != int(label):
                    raise SitterError(f"{path}: label {label} is no whole number from 0 to {EXACT:,}.")
                if label != latest and label in ranges:
                    raise SitterError(f"{path}: the images of label {label} stand apart: sort them by label.")
                latest = label
                ranges.setdefault(label, [key, key])[1] = key + 1
                writer.write(key, pack((float(label),), image, key))
            if not ranges:
                raise SitterError(f"{path}: there are no images to write.")
            images_end, identities_end = key + 1, key + 1 + len(ranges)
            if identities_end > EXACT:
                raise SitterError(f"{path}: {key:,} images are too many: record 0 counts them in float32.")
            for label, (start, end) in sorted(ranges.items()):
                key += 1
                writer.write(key, pack((float(start), float(end)), b"", label))
            records.seek(0)
            records.write(frame(pack((float(images_end), float(identities_end)))))
        about.write_text(f"{max(ranges) + 1},{height},{width}\n")


def read_index(path: Path) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return keys and byte offsets of an `.idx`, int64 [n] each, in the order of the file.

    Raises:
        SitterError: a line is not a key and an offset, a key occurs twice, or there is no line.
    """
    from pyarrow import ArrowInvalid, csv, int64

    try:
        table = csv.read_csv(
            path,
            csv.ReadOptions(column_names=["key", "offset"]),
            csv.ParseOptions(delimiter="\t"),
            csv.ConvertOptions(column_types={"key": int64(), "offset": int64()}, null_values=[]),
        )
    except ArrowInvalid as error:
        raise SitterError(
            f"{path} is no RecordIO index, which has a key, a tab and a byte offset on each line ({error}). Delete it: "
            "without an index the records are found by reading through the file."
        ) from None
    keys, offsets = (table.column(name).to_numpy() for name in ("key", "offset"))
    ordered = np.sort(keys)
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    if len(twice):
        raise SitterError(f"{path}: key {twice[0]} stands on several lines ({len(twice)} such): delete the index.")
    return keys, offsets
