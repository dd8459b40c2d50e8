"""Archives are unpacked below their folder or not at all, they do not fill the disk, and nothing in them is run."""

from __future__ import annotations

import io
import os
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.core.errors import SitterError
from pipeline.core.layout import Layout
from pipeline.sources import archive
from tests.sources.archives import Member, fetch, make_tar, make_zip, special, written_outside
from tests.sources.pictures import picture


@pytest.mark.parametrize("make", [make_zip, make_tar])
@pytest.mark.parametrize(
    "name",
    ["../pwned.jpg", "/var/pwned.jpg", "faces/ada/../../../pwned.jpg", "..\\pwned.jpg", "C:\\pwned.jpg", "C:pwned.jpg"],
)
def test_a_member_that_would_land_outside_refuses_the_archive(
    at: Layout, project: Path, make: Callable[[Path, list[Member]], Path], name: str
) -> None:
    evil = make(project / "evil", [("faces/ada/1.jpg", picture(1)), (name, picture(2))])
    with pytest.raises(SitterError, match=r"refused.*outside its folder"):
        fetch(at, evil, member="faces")
    assert not written_outside(project)
    assert not any((at.root / "out").rglob("*.jpg"))


@pytest.mark.parametrize(
    ("kind", "target", "word"),
    [
        (tarfile.SYMTYPE, "../../../../etc/passwd", "link"),
        (tarfile.SYMTYPE, "ada", "link"),
        (tarfile.LNKTYPE, "/etc/passwd", "link"),
        (tarfile.CHRTYPE, "", "special file"),
        (tarfile.FIFOTYPE, "", "special file"),
    ],
)
def test_links_and_device_files_are_refused(at: Layout, project: Path, kind: bytes, target: str, word: str) -> None:
    with pytest.raises(SitterError, match=f"'faces/ada/2.jpg' is a {word}"):
        fetch(at, special(project / "a.tar.gz", "faces/ada/2.jpg", kind, target), member="faces")
    assert not os.path.lexists(at.root / "out/ada/2.jpg")


def test_a_symbolic_link_in_a_zip_is_refused(at: Layout, project: Path) -> None:
    info = zipfile.ZipInfo("faces/ada/2.jpg")
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(at.root / "a.zip", "w") as made:
        made.writestr(info, "/etc/passwd")
    with pytest.raises(SitterError, match="is a link"):
        fetch(at, at.root / "a.zip", member="faces")
    assert not os.path.lexists(at.root / "out/ada/2.jpg")


def test_a_link_to_a_folder_cannot_lead_a_later_member_out(at: Layout, project: Path) -> None:
    (project / "elsewhere").mkdir()
    path = special(project / "a.tar.gz", "faces/eve", tarfile.SYMTYPE, str(project / "elsewhere"))
    with tarfile.open(path) as old, tarfile.open(at.root / "b.tar", "w") as made:
        for member in old:
            made.addfile(member, old.extractfile(member) if member.isreg() else None)
        info = tarfile.TarInfo("faces/eve/pwned.jpg")
        info.size = len(picture(3))
        made.addfile(info, io.BytesIO(picture(3)))
    rows = fetch(
        at, at.root / "b.tar", member="faces"
    )  # the link is no image, so it is not made; the image lies below out/
    assert rows is not None
    assert [r["path"] for r in rows] == ["ada/1.jpg", "eve/pwned.jpg"]
    assert not list((project / "elsewhere").iterdir())
    assert not (at.root / "out/eve").is_symlink()


def test_a_link_outside_the_member_does_no_harm(at: Layout, project: Path) -> None:
    path = special(project / "a.tar.gz", "latest", tarfile.SYMTYPE, "faces")
    assert fetch(at, path, member="faces")


def test_a_bomb_is_refused_before_it_fills_the_disk(at: Layout, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "BOMB_BYTES", 1 << 20)
    bomb = make_zip(project / "a.zip", [("faces/ada/1.jpg", bytes(20 << 20))])
    assert bomb.stat().st_size < 50_000
    with pytest.raises(SitterError, match=r"refused.*20,971,520"):
        fetch(at, bomb, member="faces")
    assert not list((at.root / "out").rglob("*.jpg"))


def test_a_bomb_that_lies_about_its_size_is_stopped(at: Layout, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "BOMB_BYTES", 1 << 20)
    path = make_zip(project / "a.zip", [("faces/ada/1.jpg", bytes(20 << 20))])
    data = path.read_bytes()
    path.write_bytes(data.replace(struct.pack("<I", 20 << 20), struct.pack("<I", 1000)))
    with pytest.raises(SitterError):
        fetch(at, path, member="faces")
    assert sum(p.stat().st_size for p in (at.root / "out").rglob("*") if p.is_file()) < 4 << 20


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("second", ["faces/ada/1.jpg", "faces/ada/1.jpg/2.jpg", "faces/./ada/1.jpg"])
def test_a_member_cannot_overwrite_another(at: Layout, project: Path, second: str) -> None:
    with pytest.raises(SitterError, match="twice"):
        fetch(at, make_zip(project / "a.zip", [("faces/ada/1.jpg", picture(1)), (second, picture(2))]), member="faces")


def test_a_bytes_literal_is_read_and_nothing_is_run(at: Layout, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)  # where the file would come if the module ran
    source = b"import pathlib\npathlib.Path('pwned').touch()\nWEIGHTS = b'\\x08\\x01on' b'nx'\nother = 1\n"
    path = make_zip(project / "a.zip", [("net/weights.py", source)])
    fetch(at, path, contents="python-literal", member="net/weights.py")
    assert (at.root / "out/set.onnx").read_bytes() == b"\x08\x01onnx"
    assert [p.name for p in (at.root / "out").iterdir()] == ["set.onnx"]
    assert not written_outside(project)
    with pytest.raises(SitterError, match=r"nothing to 'WEIGHT'; did you mean 'WEIGHTS'"):
        fetch(at, path, contents="python-literal", member="net/weights.py", variable="WEIGHT")
    with pytest.raises(SitterError, match="no plain bytes to other"):
        fetch(at, path, contents="python-literal", member="net/weights.py", variable="other")
