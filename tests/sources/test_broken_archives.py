"""What cannot be unpacked is refused with its true cause: cut off, damaged, locked, packed otherwise, or no archive."""

from __future__ import annotations

import contextlib
import gzip
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.core.errors import SitterError
from pipeline.core.layout import Layout
from tests.sources.archives import Member, fetch, make_tar, make_zip
from tests.sources.pictures import picture


@pytest.mark.parametrize(("make", "keep"), [(make_zip, 0.3), (make_zip, 0.999), (make_tar, 0.3), (make_tar, 0.9)])
def test_a_cut_off_archive_is_called_broken(
    at: Layout, project: Path, make: Callable[[Path, list[Member]], Path], keep: float
) -> None:
    path = make(project / "a", [(f"faces/ada/{i}.jpg", picture(i)) for i in range(20)])
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])
    with pytest.raises(SitterError, match=r"was cut off"):
        fetch(at, path, member="faces")


def test_a_damaged_member_is_called_broken(at: Layout, project: Path) -> None:
    path = make_zip(project / "a.zip", [("faces/ada/1.jpg", picture(1, size=200))])
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(SitterError, match="broken"):
        fetch(at, path, member="faces")


def test_a_locked_zip_and_an_unknown_packing_are_not_called_broken(at: Layout, project: Path) -> None:
    whole = make_zip(project / "a.zip", [("faces/ada/1.jpg", picture(1))]).read_bytes()
    central = whole.index(b"PK\x01\x02")
    for local, directory, value, words in (
        (6, 8, 1, "locked with a password"),
        (8, 10, 9, "Deflate64"),
        (8, 10, 98, "PPMd"),
        (8, 10, 77, "method 77"),
    ):
        data = bytearray(whole)
        data[local], data[central + directory] = value, value
        (project / "a.zip").write_bytes(data)
        with pytest.raises(SitterError, match=words) as caught:
            fetch(at, project / "a.zip", member="faces")
        assert "broken" not in str(caught.value)
        assert "kind: folder" in str(caught.value)
        assert not list((at.root / "out").rglob("*.jpg"))


@pytest.mark.parametrize(
    ("begins", "words"),
    [
        (b"7z\xbc\xaf\x27\x1c" + bytes(99), "a 7z archive"),
        (b"Rar!\x1a\x07\x01\x00" + bytes(99), "a RAR archive"),
        (b"\x28\xb5\x2f\xfd" + bytes(99), "Zstandard"),
        (b"PK\x07\x08PK\x03\x04" + bytes(99), "several parts"),
        (b"PK\x03\x04" + bytes(99), "was cut off"),
        (b"", "an empty file"),
        (b"<!DOCTYPE html><title>Sign in</title>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"Not found\n", "text, which begins 'Not found'"),
        (gzip.compress(b"no tar" * 100, mtime=0), "holds no tar archive"),
        (picture(1), "a JPEG picture"),
        (bytes(range(200)), "no zip or tar"),
    ],
)
def test_what_is_no_archive_is_called_what_it_is(at: Layout, project: Path, begins: bytes, words: str) -> None:
    (project / "a.zip").write_bytes(begins)
    with pytest.raises(SitterError, match=words):
        fetch(at, project / "a.zip", member="faces")


def plain_tar(path: Path) -> bytes:
    with tarfile.open(path, "w") as made:
        for number in range(6):
            info = tarfile.TarInfo(f"faces/ada/{number}.jpg")
            info.size = len(picture(number))
            made.addfile(info, io.BytesIO(picture(number)))
    return path.read_bytes()


def test_a_tar_that_ends_between_two_members_is_not_taken_for_whole(at: Layout, project: Path) -> None:
    """Python's reader ends there without a word."""
    data = plain_tar(project / "a.tar")
    with tarfile.open(at.root / "a.tar") as opened:
        starts = [member.offset for member in opened]
    (project / "a.tar").write_bytes(data[: starts[4]])
    with tarfile.open(at.root / "a.tar") as opened:
        assert len(opened.getmembers()) == 4
    with pytest.raises(SitterError, match="was cut off"):
        fetch(at, at.root / "a.tar", member="faces")
    damaged = bytearray(data)
    damaged[starts[3] : starts[3] + 100] = b"x" * 100
    (project / "a.tar").write_bytes(damaged)
    with pytest.raises(SitterError, match=f"at byte {starts[3]:,}"):
        fetch(at, at.root / "a.tar", member="faces")


@given(st.data(), st.sampled_from(["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_archive_is_read_or_refused_and_nothing_else(
    at: Layout, project: Path, data: st.DataObject, form: str
) -> None:
    path = project / f"a.{form}"
    if form == "zip":
        make_zip(path, [(f"faces/ada/{n}.jpg", picture(n)) for n in range(3)])
    else:
        with tarfile.open(path, f"w:{form[4:]}") as made:
            for number in range(3):
                info = tarfile.TarInfo(f"faces/ada/{number}.jpg")
                info.size = len(picture(number))
                made.addfile(info, io.BytesIO(picture(number)))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    path.write_bytes(content)
    with contextlib.suppress(SitterError):
        fetch(at, path, member="faces")
