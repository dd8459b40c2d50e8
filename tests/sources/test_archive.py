"""Images, single files and literals are taken out of archives, from this machine or by URL."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.core.errors import SitterError
from pipeline.core.files import sha256
from pipeline.core.layout import Layout
from tests.sources.archives import Member, fetch, make_tar, make_zip
from tests.sources.pictures import picture
from tests.sources.site import Site


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


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_every_compression_of_a_tar_is_read(at: Layout, project: Path, mode: str) -> None:
    with tarfile.open(at.root / "a.any", mode) as made:
        info = tarfile.TarInfo("faces/ada/1.jpg")
        info.size = len(picture(1))
        made.addfile(info, io.BytesIO(picture(1)))
    assert fetch(at, at.root / "a.any", member="faces")
