"""A user's own portraits and weights are copied as they are, and nothing is silently left behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.core.errors import SitterError
from pipeline.core.files import sha256, write_manifest
from pipeline.core.layout import Layout
from pipeline.core.own_files import below
from pipeline.params.sources.file import FileOptions
from pipeline.params.sources.folder import FolderOptions
from pipeline.sources import file, folder
from pipeline.stages import download
from pipeline.store.weights import weights_file
from tests.sources import stages
from tests.sources.manifest_rows import manifest_rows
from tests.sources.pictures import picture


def portraits(root: Path, *names: str) -> Path:
    for i, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(picture(i))
    return root


def fetch(at: Layout, path: str, **options: str) -> list[dict[str, str]]:
    return manifest_rows(folder.fetch(at.root / "out", "mine", below(at.root, FolderOptions(path=path, **options))))


def test_each_folder_is_a_sitter_and_the_originals_stay(at: Layout, project: Path) -> None:
    portraits(at.root / "mine", "Ada Byron/1.jpg", "Ada Byron/10.JPG", "Ada Byron/2.png", "Žofie/1843/a.tif")
    before = {p: sha256(p) for p in (at.root / "mine").rglob("*") if p.is_file()}
    rows = fetch(at, "mine", licence="mine")
    assert [(r["image_id"], r["sitter"]) for r in rows] == [
        ("Ada Byron/1", "Ada Byron"),
        ("Ada Byron/2", "Ada Byron"),
        ("Ada Byron/10", "Ada Byron"),
        ("Žofie/1843/a", "Žofie"),
    ]
    assert [r["sha256"] for r in rows] == [sha256(at.root / "mine" / r["path"]) for r in rows]
    assert {p: sha256(p) for p in (at.root / "mine").rglob("*") if p.is_file()} == before
    (at.root / "out" / rows[0]["path"]).write_bytes(b"changed")  # a copy, no hard link
    assert sha256(at.root / "mine" / rows[0]["path"]) == rows[0]["sha256"]


def test_the_folder_may_be_absolute(at: Layout, project: Path, tmp_path: Path) -> None:
    portraits(tmp_path / "far", "ada/1.jpg")
    assert len(fetch(at, str(tmp_path / "far"))) == 1


def test_images_that_differ_by_their_ending_alone_keep_it_in_their_ids(at: Layout, project: Path) -> None:
    portraits(at.root / "mine", "ada/1.jpg", "ada/1.png", "ada/2.jpg")
    assert [r["image_id"] for r in fetch(at, "mine")] == ["ada/1.jpg", "ada/1.png", "ada/2"]


def test_strays_and_empty_folders_are_named(at: Layout, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    portraits(at.root / "mine", "ada/1.jpg", "loose.jpg", ".DS_Store", "ada/._1.jpg")
    (at.root / "mine/ada/notes.txt").write_text("notes")
    (at.root / "mine/empty").mkdir()
    assert [r["image_id"] for r in fetch(at, "mine")] == ["ada/1"]
    said = capsys.readouterr().err
    assert "2 files not taken: 1 in no sitter's folder (loose.jpg), 1 of a type that is not read" in said
    assert "(ada/notes.txt)" in said
    assert "2 files of photo programs or the system left out: 1 .DS_Store, 1 ._*" in said
    assert "1 folders without an image: empty" in said
    assert not list((at.root / "out").rglob("*.txt"))


def test_a_pattern_says_which_images_are_taken(at: Layout, project: Path) -> None:
    portraits(at.root / "mine", "ada/1.pgm", "ada/target.jpg")
    assert [r["image_id"] for r in fetch(at, "mine", pattern="*.pgm")] == ["ada/1"]


def test_linked_folders_are_followed_and_loops_end(at: Layout, project: Path, tmp_path: Path) -> None:
    portraits(tmp_path / "far", "1.jpg")
    portraits(at.root / "mine", "ada/1.jpg")
    os.symlink(tmp_path / "far", at.root / "mine/eve")
    os.symlink("..", at.root / "mine/ada/loop")
    os.symlink("nowhere.jpg", at.root / "mine/ada/dangling.jpg")
    rows = fetch(at, "mine")
    assert [r["image_id"] for r in rows] == ["ada/1", "eve/1"]
    assert not (at.root / "out" / "eve").is_symlink()


@pytest.mark.parametrize(
    ("names", "path", "words"),
    [
        ([], "absent", ["download.mine.path", "absent", "does not exist"]),
        (["loose.jpg", "b.png"], "mine", ["2 images", "no folder per sitter", "kind: manifest"]),
        (["ada/notes.txt"], "mine", ["1 files", "none is an image"]),
        (["ada/1.jpg"], "mine/ada/1.jpg", ["is a file"]),
        (["ada/\x07.jpg"], "mine", ["control characters"]),
        ([os.fsdecode(b"ada/caf\xe9.jpg")], "mine", ["not UTF-8"]),
    ],
)
def test_what_cannot_be_taken_is_explained(
    at: Layout, project: Path, names: list[str], path: str, words: list[str]
) -> None:
    portraits(at.root / "mine", *names)
    with pytest.raises(SitterError) as caught:
        fetch(at, path)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("path", ["data/raw/mine", "data/raw", "data/raw/mine/deeper", "."])
def test_originals_in_the_output_folder_are_refused_since_they_would_be_lost(
    at: Layout, project: Path, path: str
) -> None:
    portraits(at.root / "data/raw/mine/deeper", "ada/1.jpg")
    with pytest.raises(SitterError, match="keep the originals in another folder"):
        download.run(stages.study({"kind": "folder", "path": path}, name="mine"), "mine", at.root)
    assert (at.root / "data/raw/mine/deeper/ada/1.jpg").exists()


def test_weights_of_ones_own_are_found_by_the_name_of_their_entry(at: Layout, project: Path) -> None:
    (at.root / "net.onnx").write_bytes(b"weights")
    out = at.root / "data/raw/net"
    out.mkdir(parents=True)
    file.fetch(out, "net", FileOptions(path=str(at.root / "net.onnx"), sha256=sha256(at.root / "net.onnx")))
    (out / "source.json").write_text("{}")
    with pytest.raises(SitterError, match="python -m pipeline download net"):
        weights_file("net", at)  # not whole before its manifest is written
    write_manifest(out)
    assert weights_file("net", at) == out / "net.onnx"
    assert weights_file("net", at).read_bytes() == b"weights"
    (out / "second.onnx").write_bytes(b"more")
    with pytest.raises(SitterError, match=r"holds 2 \(net.onnx, second.onnx\)"):
        weights_file("net", at)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "neither"),
        ({"path": "net.onnx", "url": "https://example.org/net.onnx"}, "both"),
        ({"path": "absent.onnx"}, "does not exist"),
        ({"path": "."}, "is a folder"),
        ({"path": "net.onnx", "sha256": "0" * 64}, "has sha256"),
        ({"url": "ftp://example.org/net.onnx", "sha256": "0" * 64}, "https://"),
        ({"url": "https://example.org/net.onnx"}, "add the checksum"),
    ],
)
def test_a_file_that_cannot_be_trusted_or_found_is_explained(
    at: Layout, project: Path, options: dict[str, str], words: str
) -> None:
    (at.root / "net.onnx").write_bytes(b"weights")
    with pytest.raises(SitterError, match=words):
        file.fetch(at.root / "out", "net", below(at.root, FileOptions(**options)))
    assert not list((at.root / "out").iterdir())
