"""A training set in RecordIO goes from its file into the face store without a file for each image."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.core.errors import SitterError
from pipeline.core.files import read_csv, sha256
from pipeline.core.layout import Layout
from pipeline.formats.recordio import pack, read_index, write_records, write_training_set
from pipeline.sources.recordio import before
from tests.sources.pictures import picture
from tests.sources.site import Site
from tests.sources.stages import fetch, store

REC = Path("own/train.rec")
# Two sitters of three images, one of one; 8 and 9 have no images.
SET = [(label, picture(10 * label + n, size=112)) for label, count in ((0, 3), (2, 3), (7, 1)) for n in range(count)]


@pytest.fixture(autouse=True)
def own(at: Layout, project: Path) -> None:
    """A training set of the user's own."""
    write_training_set(at.root / REC, SET)


def test_bytes_go_into_the_store_as_delivered_and_no_image_becomes_a_file(at: Layout) -> None:
    faces = store(at, kind="recordio", path=str(REC), licence="for research")
    assert [bytes(faces.encoded(i)) for i in range(len(faces))] == [image for _, image in SET]
    assert faces.sitters == [str(label) for label, _ in SET]
    assert faces.image_ids == [str(key) for key in range(1, 8)]
    assert sorted(p.name for p in at.raw("set").iterdir()) == ["manifest.csv", "source.json", "train.rec"]
    rows = read_csv(at.raw("set") / "manifest.csv")
    assert [row["sha256"] for row in rows] == [hashlib.sha256(image).hexdigest() for _, image in SET]
    assert {row["licence"] for row in rows} == {"for research"}
    assert (at.raw("set") / "train.rec").read_bytes() == (at.root / REC).read_bytes()


def test_the_index_may_be_shuffled_or_absent(at: Layout) -> None:
    rows = fetch(at, kind="recordio", path=str(REC))
    lines = (at.root / REC).with_suffix(".idx").read_text().splitlines()
    np.random.default_rng(0).shuffle(lines)
    (at.root / REC).with_suffix(".idx").write_text("\n".join(lines))
    assert fetch(at, kind="recordio", path=str(REC)) == rows
    (at.root / REC).with_suffix(".idx").unlink()
    assert fetch(at, kind="recordio", path=str(REC)) == rows


def test_a_url_with_a_checksum_serves_too(at: Layout, site: Site) -> None:
    rows = fetch(at, kind="recordio", path=str(REC))
    site.files["/train.rec"] = (at.root / REC).read_bytes()
    assert fetch(at, kind="recordio", url=f"{site.url}/train.rec", sha256=sha256(at.root / REC)) == rows


def test_without_a_header_record_every_record_is_an_image(at: Layout) -> None:
    write_records(at.root / REC, ((key + 5, pack((float(label),), image)) for key, (label, image) in enumerate(SET)))
    rows = fetch(at, kind="recordio", path=str(REC))
    assert [(row["image_id"], row["sitter"]) for row in rows] == [
        (str(key + 5), str(label)) for key, (label, _) in enumerate(SET)
    ]


def test_of_several_labels_the_one_asked_for_is_the_sitter(at: Layout) -> None:
    write_records(
        (at.root / REC),
        ((key, pack((0.5, float(label), -1.0), image)) for key, (label, image) in enumerate(SET)),
    )
    assert [row["sitter"] for row in fetch(at, kind="recordio", path=str(REC), label=1)] == [str(s) for s, _ in SET]
    for label, message in ((0, r"has the label 0\.5"), (2, "has the label -1"), (3, "has 3 labels, but .*label is 3")):
        with pytest.raises(SitterError, match=rf"train\.rec: the record at byte 0 \(key 0\) {message}"):
            fetch(at, kind="recordio", path=str(REC), label=label)


def test_images_are_taken_in_the_order_of_the_file_whatever_their_keys(at: Layout) -> None:
    write_records(at.root / REC, [(9, pack((1.0,), SET[0][1])), (3, pack((2.0,), SET[1][1]))])
    assert [row["image_id"] for row in fetch(at, kind="recordio", path=str(REC))] == ["9", "3"]


@pytest.mark.parametrize("images", [17_091_657, 17_091_658, (1 << 24) + 1])
def test_a_header_beyond_what_float32_counts_finds_all_images_and_no_identity(images: int) -> None:
    end = float(np.float32(images + 1))
    keys = np.arange(images - 20, images + 20)
    assert keys[before(end, keys, lambda i: bool(keys[i] <= images))].tolist() == list(range(images - 20, images + 1))


@pytest.mark.parametrize("without_index", [False, True])
def test_a_file_cut_in_half_is_refused_before_it_is_copied(at: Layout, without_index: bool) -> None:
    data = (at.root / REC).read_bytes()
    (at.root / REC).write_bytes(data[: len(data) // 2])
    message = r"train\.idx lists [4-9] of 11 records beyond them: the file was cut off"
    if without_index:
        (at.root / REC).with_suffix(".idx").unlink()
        message = r"train\.rec \(of [\d,]+ bytes\): the record at byte [\d,]+ is cut off"
    with pytest.raises(SitterError, match=message):
        fetch(at, kind="recordio", path=str(REC))
    assert not list(at.raw("set").parent.glob("set*"))


def test_a_file_cut_between_records_is_refused_by_its_header(at: Layout) -> None:
    offsets = dict(zip(*(column.tolist() for column in read_index((at.root / REC).with_suffix(".idx"))), strict=True))
    (at.root / REC).write_bytes((at.root / REC).read_bytes()[: offsets[4]])
    (at.root / REC).with_suffix(".idx").unlink()
    with pytest.raises(SitterError, match=r"images are the keys 1 to 7, but 4 of them are missing, the first 4"):
        fetch(at, kind="recordio", path=str(REC))


def test_a_damaged_record_is_named_by_offset_and_the_old_data_stays(at: Layout) -> None:
    rows = fetch(at, kind="recordio", path=str(REC))
    offset = int(read_index((at.root / REC).with_suffix(".idx"))[1][3])
    data = bytearray((at.root / REC).read_bytes())
    data[offset : offset + 4] = b"oops"
    (at.root / REC).write_bytes(data)
    with pytest.raises(SitterError, match=rf"the record at byte {offset:,} is none"):
        fetch(at, kind="recordio", path=str(REC))
    assert read_csv(at.raw("set") / "manifest.csv") == rows


def test_an_index_of_another_file_is_told(at: Layout) -> None:
    (at.root / REC).with_suffix(".idx").write_text("0\t0\n1\t40\n2\t44\n")
    with pytest.raises(SitterError, match=r"the record at byte 44 is none"):
        fetch(at, kind="recordio", path=str(REC))


@pytest.mark.parametrize("header", [True, False])
@given(st.sets(st.integers(0, 6), min_size=1, max_size=6))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_index_that_lists_only_a_part_is_refused_whichever_lines_it_lacks(
    at: Layout, header: bool, gone: set[int]
) -> None:
    """Without a header record nothing else tells how many there are."""
    if header:
        write_training_set(at.root / REC, SET)
    else:
        write_records(at.root / REC, ((key, pack((float(label),), image)) for key, (label, image) in enumerate(SET)))
    lines = (at.root / REC).with_suffix(".idx").read_text().splitlines(keepends=True)
    kept = [line for number, line in enumerate(lines) if number - header not in gone]
    (at.root / REC).with_suffix(".idx").write_text("".join(kept))
    with pytest.raises(SitterError, match=rf"train\.idx lists {len(kept)} of the {len(lines)} records|are missing"):
        fetch(at, kind="recordio", path=str(REC))
    (at.root / REC).with_suffix(".idx").unlink()
    assert len(fetch(at, kind="recordio", path=str(REC))) == len(SET)


def test_an_index_with_wrong_bytes_is_refused(at: Layout) -> None:
    write_records(at.root / REC, ((key, pack((float(label),), image)) for key, (label, image) in enumerate(SET)))
    keys, offsets = read_index((at.root / REC).with_suffix(".idx"))
    for number, offset, message in (
        (2, offsets[1], "keys 1 and 2 stand for the same byte"),
        (3, offsets[3] + 4, rf"1 of 7 offsets at which no record begins, the first {offsets[3] + 4:,}"),
        (0, offsets[0] + 8, r"1 of 7 offsets at which no record begins, the first 8"),
        (6, (at.root / REC).stat().st_size, "beyond them"),
    ):
        wrong = offsets.copy()
        wrong[number] = offset
        lines = [f"{key}\t{at}\n" for key, at in zip(keys, wrong, strict=True)]
        (at.root / REC).with_suffix(".idx").write_text("".join(lines))
        with pytest.raises(SitterError, match=message):
            fetch(at, kind="recordio", path=str(REC))


def test_records_that_are_no_images_are_counted(at: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    fetch(at, kind="recordio", path=str(REC))
    assert "set: 4 records not taken: record 0, which is a header, and 3 that hold" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "words"), [(b"<html>", "a web page"), (b"version https://git-lfs", "git lfs pull")]
)
def test_what_is_no_recordio_file_is_called_what_it_is(at: Layout, content: bytes, words: str) -> None:
    (at.root / REC).write_bytes(content + bytes(40))
    (at.root / REC).with_suffix(".idx").unlink()
    with pytest.raises(SitterError, match=rf"train\.rec is no RecordIO file but .*{words}"):
        fetch(at, kind="recordio", path=str(REC))


def test_a_class_index_out_of_range_is_told(at: Layout) -> None:
    (at.root / REC).with_name("property").write_text("7,112,112\n")
    with pytest.raises(SitterError, match=r"\(key 7\) has the label 7, but the file property beside it counts 7"):
        fetch(at, kind="recordio", path=str(REC))
    (at.root / REC).with_name("property").write_text("many\n")
    with pytest.raises(SitterError, match=r"property begins with 'many': expected classes,height,width"):
        fetch(at, kind="recordio", path=str(REC))


def test_a_header_that_is_none_is_told(at: Layout) -> None:
    write_records(at.root / REC, [(0, pack((2.5, 9.0))), (1, pack((0.0,), SET[0][1]))])
    with pytest.raises(SitterError, match=r"record 0 says that images are the keys before 2\.5: it is no header"):
        fetch(at, kind="recordio", path=str(REC))


def test_an_image_that_cannot_be_read_is_accounted_for_and_the_others_go_on(at: Layout) -> None:
    write_training_set(at.root / REC, [*SET[:2], (5, SET[2][1][:700]), (6, b"")])
    faces = store(at, kind="recordio", path=str(REC))
    assert faces.image_ids == ["1", "2"]
    account = read_csv(at.faces("set") / "faces.csv")
    assert [row["status"] for row in account] == ["aligned", "aligned", "unreadable", "unreadable"]
    assert "truncated" in account[2]["reason"]
    assert account[3]["reason"] == "the record holds no image"
