"""RecordIO: what the format says is read, what we write others read, and damage is told by byte offset."""

from __future__ import annotations

import struct
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.errors import SitterError
from pipeline.faces.image import UnreadableImage, encoded_image, read_image
from pipeline.formats.recordio import (
    BrokenRecord,
    RecordFile,
    frame,
    pack,
    read_index,
    record_in,
    write_records,
    write_training_set,
)
from tests.sources.pictures import picture

MAGIC = b"\x0a\x23\xd7\xce"


def dmlc_write(payload: bytes) -> bytes:
    """dmlc-core's RecordIOWriter::WriteRecord (src/recordio.cc), transcribed word by word."""
    out, done = b"", 0
    for i in range(0, len(payload) // 4 * 4, 4):
        if payload[i : i + 4] == MAGIC:
            flag = 2 if done else 1
            out += MAGIC + struct.pack("<I", flag << 29 | i - done) + payload[done:i]
            done = i + 4
    flag = 3 if done else 0
    out += MAGIC + struct.pack("<I", flag << 29 | len(payload) - done) + payload[done:]
    return out + bytes(-(len(payload) - done) % 4)


def dmlc_read(data: bytes, at: int) -> tuple[bytes, int]:
    """dmlc-core's RecordIOReader::NextRecord (src/recordio.cc), transcribed."""
    out = b""
    while True:
        magic, word = struct.unpack_from("<4sI", data, at)
        assert magic == MAGIC
        flag, length = word >> 29, word & (1 << 29) - 1
        out += data[at + 8 : at + 8 + length]
        at += 8 + (length + 3) // 4 * 4
        if flag in (0, 3):
            return out, at
        out += MAGIC


# Payloads in which the magic word stands often, at multiples of four and elsewhere.
payloads = st.lists(st.sampled_from([MAGIC, MAGIC[:2], MAGIC[1:], b"\0", b"abcd", b"xyz"]), max_size=12).map(b"".join)


@given(st.lists(payloads | st.binary(max_size=40), min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_records_come_back_and_are_written_as_dmlc_does(contents: list[bytes]) -> None:
    assert [frame(c) for c in contents] == [dmlc_write(c) for c in contents]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.rec"
        write_records(path, enumerate(contents))
        file, data = RecordFile(path), path.read_bytes()
        keys, offsets = read_index(path.with_suffix(".idx"))
        assert keys.tolist() == list(range(len(contents)))
        assert offsets.tolist() == list(file.offsets())
        for offset, content in zip(offsets.tolist(), contents, strict=True):
            payload, after = file.payload(offset)
            assert bytes(payload) == content
            assert (content, after) == dmlc_read(data, offset)


floats = st.floats(width=32, allow_nan=False)


@given(st.lists(floats, min_size=1, max_size=5), st.binary(max_size=60))
@settings(max_examples=40, deadline=None)
def test_labels_and_content_come_back(labels: list[float], content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.rec"
        write_records(path, [(0, pack(tuple(labels), content, 7))])
        record = RecordFile(path).record(0)
        assert record.labels == tuple(labels)
        assert bytes(record.content) == content


def test_headers_are_laid_out_as_mxnet_does() -> None:
    """mxnet/recordio.py: `struct.pack('IfQQ', *header) + s`, and label.tobytes() before it where there are several."""
    assert pack((3.0,), b"x", 9) == struct.pack("=IfQQ", 0, 3.0, 9, 0) + b"x"
    several = struct.pack("=IfQQ", 2, 0.0, 9, 0) + np.array([3, 4], np.float32).tobytes() + b"x"
    assert pack((3.0, 4.0), b"x", 9) == several


def test_a_record_of_one_part_is_not_copied(tmp_path: Path) -> None:
    write_records(tmp_path / "a.rec", [(0, pack((1.0,), b"abcd"))])
    file = RecordFile(tmp_path / "a.rec")
    assert file.record(0).content.obj is file.payload(0)[0].obj


@given(st.data())
@settings(max_examples=50, deadline=None)
def test_a_file_cut_anywhere_gives_whole_records_or_says_where(data: st.DataObject) -> None:
    contents = [pack((float(i),), c) for i, c in enumerate(data.draw(st.lists(payloads, min_size=1, max_size=4)))]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.rec"
        write_records(path, enumerate(contents))
        whole, offsets = path.read_bytes(), read_index(path.with_suffix(".idx"))[1].tolist()
        cut = data.draw(st.integers(1, len(whole) - 1))
        path.write_bytes(whole[:cut])
        file = RecordFile(path)
        for offset, end, content in zip(offsets, [*offsets[1:], len(whole)], contents, strict=True):
            if end <= cut:
                assert bytes(file.payload(offset)[0]) == content
            else:
                with pytest.raises(BrokenRecord, match=rf"a\.rec \(of {cut} bytes\): the record at byte {offset} "):
                    file.payload(offset)
        if cut not in offsets:
            with pytest.raises(BrokenRecord, match="cut off"):
                list(file.offsets())


@given(st.binary(min_size=1, max_size=64))
@settings(max_examples=50, deadline=None)
def test_noise_gives_no_records_and_no_other_error(noise: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.rec"
        path.write_bytes(noise)
        with pytest.raises(BrokenRecord, match=r"byte 0|no RecordIO file"):
            RecordFile(path).record(0)


def damaged(tmp_path: Path, change: bytes, at: int) -> RecordFile:
    """Records at 0, 36 (three parts: at 36, 48 and 60) and 72, some bytes changed."""
    split = b"aaaa" + MAGIC + b"bbbb" + MAGIC + b"cccc"
    write_records(tmp_path / "a.rec", [(0, pack((1.0,), b"1234")), (1, split), (2, pack((2.0,)))])
    data = bytearray((tmp_path / "a.rec").read_bytes())
    assert read_index(tmp_path / "a.idx")[1].tolist() == [0, 36, 72]
    data[at : at + len(change)] = change
    (tmp_path / "a.rec").write_bytes(data)
    return RecordFile(tmp_path / "a.rec")


@pytest.mark.parametrize(
    ("change", "at", "offset", "message"),
    [
        (b"nope", 0, 0, r"byte 0 is none: there stands 0x65706f6e instead of 0xced7230a"),
        (b"nope", 48, 36, r"byte 36 is none: at byte 48, where its next part should begin, stands 0x65706f6e"),
        (b"\0\0\0\0", 52, 36, r"byte 36 is split, but its parts do not follow each other"),
        (b"", 0, 48, r"byte 48 begins with the middle of a split record"),
        (b"\xff\xff\xff\x1f", 76, 72, r"byte 72 is cut off: it should go on to byte 536,870,992"),
        (b"\xff\xff\xff\xff", 8, 0, r"byte 0 should hold 4294967295 labels, but has 28 bytes"),
        (b"", 0, 36, r"byte 36 holds 20 bytes, fewer than an image header's 24"),
    ],
)
def test_damage_is_told_by_offset(tmp_path: Path, change: bytes, at: int, offset: int, message: str) -> None:
    file = damaged(tmp_path, change, at)
    with pytest.raises(BrokenRecord, match=message):
        file.record(offset)


def test_a_cut_magic_word_after_damage_ends_the_scan_at_the_record(tmp_path: Path) -> None:
    with pytest.raises(BrokenRecord, match="record at byte 72 is none"):
        list(damaged(tmp_path, b"\0", 72).offsets())


def test_an_empty_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.rec").touch()
    with pytest.raises(SitterError, match=r"a\.rec is empty"):
        RecordFile(tmp_path / "a.rec")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0 0\n1 8\n", "no RecordIO index"),
        ("0\t0\none\t8\n", "no RecordIO index"),
        ("0\t0\n1\n", "no RecordIO index"),
        ("", "no RecordIO index"),
        ("0\t0\n7\t8\n7\t16\n", "key 7 stands on several lines"),
    ],
)
def test_a_bad_index_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.idx").write_text(text)
    with pytest.raises(SitterError, match=message):
        read_index(tmp_path / "a.idx")


def test_a_training_set_is_written_as_insightface_reads_it(tmp_path: Path) -> None:
    """Read as arcface_torch's `MXFaceDataset` and InsightFace's `FaceImageIter` do, by way of dmlc's reader."""
    images = [(label, picture(10 * label + n)) for label, count in ((0, 3), (1, 1), (4, 2)) for n in range(count)]
    write_training_set(tmp_path / "train.rec", images)
    data = (tmp_path / "train.rec").read_bytes()
    lines = [line.split("\t") for line in (tmp_path / "train.idx").read_text().splitlines()]
    index = {int(key): int(offset) for key, offset in lines}

    def read(key: int) -> tuple[int, list[float], bytes]:
        payload = dmlc_read(data, index[key])[0]
        flag, label, _, _ = struct.unpack_from("=IfQQ", payload)
        return flag, np.frombuffer(payload, np.float32, flag, 24).tolist() or [label], payload[24 + 4 * flag :]

    assert read(0) == (2, [7.0, 10.0], b"")
    assert [read(key)[1:] for key in range(1, 7)] == [([float(label)], image) for label, image in images]
    assert [read(key) for key in range(7, 10)] == [(2, [1.0, 4.0], b""), (2, [4.0, 5.0], b""), (2, [5.0, 7.0], b"")]
    assert sorted(index) == list(range(10))
    assert (tmp_path / "property").read_text().strip() == "5,112,112"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["property", "train.idx", "train.rec"]


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([(0, b"a"), (1, b"b"), (0, b"c")], "label 0 stand apart"),
        ([(-1, b"a")], "label -1 is no whole number"),
        ([(1 << 25, b"a")], "label 33554432 is no whole number from 0 to 16,777,216"),
        ([], "no images to write"),
    ],
)
def test_what_cannot_be_a_training_set_is_not_written(
    tmp_path: Path, images: list[tuple[int, bytes]], message: str
) -> None:
    with pytest.raises(SitterError, match=message):
        write_training_set(tmp_path / "train.rec", images)
    assert not list(tmp_path.iterdir())


def test_an_image_in_a_record_is_read_like_a_file(tmp_path: Path) -> None:
    encoded = picture(1, "PNG")
    (tmp_path / "a.png").write_bytes(encoded)
    write_records(tmp_path / "a.rec", [(0, pack((1.0,), encoded)), (1, pack((2.0,))), (2, pack((2.0,), b"<html>"))])
    offsets = list(RecordFile(tmp_path / "a.rec").offsets())
    np.testing.assert_array_equal(read_image(tmp_path / "a.rec" / "0"), read_image(tmp_path / "a.png"))
    assert encoded_image(tmp_path / "a.rec/0") == encoded == encoded_image(tmp_path / "a.png")
    for offset, reason in zip(offsets[1:], ("the record holds no image", "a web page"), strict=True):
        with pytest.raises(UnreadableImage, match=reason):
            read_image(tmp_path / f"a.rec/{offset}")
    with pytest.raises(UnreadableImage, match="record at byte 3 is none"):
        read_image(tmp_path / "a.rec/3")
    with pytest.raises(UnreadableImage, match="does not exist"):
        read_image(tmp_path / "b.rec/0")
    write_records(tmp_path / "a.rec", [(0, pack((1.0,), b"another"))])
    assert bytes(record_in(tmp_path / "a.rec/0") or b"") == b"another", "a file that was replaced is opened anew"
