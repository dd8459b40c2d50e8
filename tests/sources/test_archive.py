"""Archives are unpacked below their folder or not at all."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import shutil
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.core.errors import SitterError
from pipeline.core.files import sha256
from pipeline.core.layout import Layout
from pipeline.core.own_files import below
from pipeline.params.sources.archive import ArchiveOptions
from pipeline.sources import archive
from tests.sources.pictures import picture
from tests.sources.site import Site

Member = tuple[str, bytes]


def make_zip(path: Path, members: list[Member]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members:
            made.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return path


def make_tar(path: Path, members: list[Member]) -> Path:
    with tarfile.open(path, "w:gz") as made:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            made.addfile(info, io.BytesIO(content))
    return path


def special(path: Path, name: str, kind: bytes, target: str = "") -> Path:
    """A tar with one good image and one member that is no plain file."""
    with tarfile.open(make_tar(path, []), "w:gz") as made:
        good = tarfile.TarInfo("faces/ada/1.jpg")
        good.size = len(picture(1))
        made.addfile(good, io.BytesIO(picture(1)))
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, target
        made.addfile(info)
    return path


def fetch(at: Layout, archive_path: Path | None, **options: object) -> list[dict[str, str]] | None:
    shutil.rmtree(at.root / "out")
    (at.root / "out").mkdir()
    given = {"path": archive_path and str(archive_path), "contents": "images", **options}
    options_given = ArchiveOptions(**given)  # type: ignore[arg-type]
    return archive.fetch(at.root / "out", "set", below(at.root, options_given))


def written_outside(project: Path) -> list[str]:
    """Files anywhere near the project that no test put there."""
    ours = {"evil.zip", "evil.tar.gz", ".lock"}
    return [str(p) for p in project.parent.rglob("*") if "pwned" in p.name and p.name not in ours]


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_images_below_a_member_keep_their_sitters_and_come_in_natural_order(
    at: Layout, project: Path, make: Callable[[Path, list[Member]], Path]
) -> None:
    names = ["s1/1.jpg", "s1/10.jpg", "s1/2.jpg", "s10/1.jpg", "s2/old/1.jpg"]
    members = [(f"top/faces/{n}", picture(i)) for i, n in enumerate(names)]
    members += [("top/faces/README", b"hello"), ("top/faces/loose.jpg", picture(9)), ("other/x/1.jpg", picture(8))]
    members += [("top/faces/s1/.hidden.jpg", b"x"), ("top/faces/__MACOSX/._1.jpg", b"x")]
    rows = fetch(at, make(project / "a", members), member="top/faces/", licence="CC0")
    assert rows is not None
    assert [r["image_id"] for r in rows] == ["s1/1", "s1/2", "s1/10", "s2/old/1", "s10/1"]
    assert [r["sitter"] for r in rows] == ["s1", "s1", "s1", "s2", "s10"]
    assert all(sha256(at.root / "out" / r["path"]) == r["sha256"] and r["licence"] == "CC0" for r in rows)
    assert (at.root / "out" / "s1/10.jpg").read_bytes() == picture(1)
    assert sorted(p.name for p in (at.root / "out").rglob("*") if p.is_file()) == [
        "1.jpg",
        "1.jpg",
        "1.jpg",
        "10.jpg",
        "2.jpg",
    ]


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
    assert not os.path.lexists("out/ada/2.jpg")


def test_a_symbolic_link_in_a_zip_is_refused(at: Layout, project: Path) -> None:
    info = zipfile.ZipInfo("faces/ada/2.jpg")
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(at.root / "a.zip", "w") as made:
        made.writestr(info, "/etc/passwd")
    with pytest.raises(SitterError, match="is a link"):
        fetch(at, at.root / "a.zip", member="faces")
    assert not os.path.lexists("out/ada/2.jpg")


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


def test_a_member_that_is_not_there_is_named_with_the_nearest(at: Layout, project: Path) -> None:
    path = make_zip(project / "a.zip", [("data/faces/ada/1.jpg", picture(1)), ("net/weights.onnx", b"x")])
    with pytest.raises(SitterError, match="did you mean 'data/faces'"):
        fetch(at, path, member="data/face")
    with pytest.raises(SitterError, match=r"did you mean 'net/weights.onnx'"):
        fetch(at, path, contents="file", member="net/weigths.onnx")


def test_one_file_is_taken_out_under_its_own_name_or_another(at: Layout, project: Path) -> None:
    path = make_zip(project / "a.zip", [("antelope/antelope/glintr100.onnx", b"weights")])
    fetch(at, path, contents="file", member="antelope/antelope/glintr100.onnx")
    assert (at.root / "out/glintr100.onnx").read_bytes() == b"weights"
    fetch(at, path, contents="file", member="antelope/antelope/glintr100.onnx", save_as="net.onnx")
    assert (at.root / "out/net.onnx").read_bytes() == b"weights"


def test_a_bytes_literal_is_read_and_nothing_is_run(at: Layout, project: Path) -> None:
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


def test_a_wrong_checksum_stops_before_unpacking(at: Layout, project: Path) -> None:
    path = make_zip(project / "a.zip", [("faces/ada/1.jpg", picture(1))])
    with pytest.raises(SitterError) as caught:
        fetch(at, path, member="faces", sha256="0" * 64)
    for part in ("download.set", sha256(path), "0" * 64, "params.yaml"):
        assert part in str(caught.value)
    assert not list((at.root / "out").iterdir())


def test_an_archive_comes_by_url_once(at: Layout, project: Path, site: Site) -> None:
    path = make_tar(project / "a.tar.gz", [("faces/ada/1.jpg", picture(1))])
    site.files["/a.tar.gz"] = path.read_bytes()
    given = {"url": f"{site.url}/a.tar.gz", "member": "faces"}
    with pytest.raises(SitterError, match="add the checksum"):
        fetch(at, None, **given)
    for _ in range(2):
        rows = fetch(at, None, **given, sha256=sha256(path))
        assert rows is not None
        assert [r["image_id"] for r in rows] == ["ada/1"]
    assert site.paths() == ["/a.tar.gz"]


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


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_every_compression_of_a_tar_is_read(at: Layout, project: Path, mode: str) -> None:
    with tarfile.open(at.root / "a.any", mode) as made:
        info = tarfile.TarInfo("faces/ada/1.jpg")
        info.size = len(picture(1))
        made.addfile(info, io.BytesIO(picture(1)))
    assert fetch(at, at.root / "a.any", member="faces")


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
