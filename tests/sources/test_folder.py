"""A user's own portraits and weights are copied as they are, and nothing is silently left behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.core.errors import SitterError
from pipeline.core.files import sha256, write_manifest
from pipeline.params.sources.file import FileOptions
from pipeline.params.sources.folder import FolderOptions
from pipeline.sources import file, folder
from pipeline.store.weights import weights_file
from tests.sources.pictures import picture


def portraits(root: Path, *names: str) -> Path:
    for i, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(picture(i))
    return root


def fetch(path: str, **options: str) -> list[dict[str, str]]:
    return folder.fetch(Path("out"), "mine", FolderOptions(path=path, **options))


def test_each_folder_is_a_sitter_and_the_originals_stay(project: Path) -> None:
    portraits(Path("mine"), "Ada Byron/1.jpg", "Ada Byron/10.JPG", "Ada Byron/2.png", "Žofie/1843/a.tif")
    before = {p: sha256(p) for p in Path("mine").rglob("*") if p.is_file()}
    rows = fetch("mine", licence="mine")
    assert [(r["image_id"], r["sitter"]) for r in rows] == [
        ("Ada Byron/1", "Ada Byron"),
        ("Ada Byron/2", "Ada Byron"),
        ("Ada Byron/10", "Ada Byron"),
        ("Žofie/1843/a", "Žofie"),
    ]
    assert [r["sha256"] for r in rows] == [sha256(Path("mine") / r["path"]) for r in rows]
    assert {p: sha256(p) for p in Path("mine").rglob("*") if p.is_file()} == before
    (Path("out") / rows[0]["path"]).write_bytes(b"changed")  # a copy, no hard link
    assert sha256(Path("mine") / rows[0]["path"]) == rows[0]["sha256"]


def test_the_folder_may_be_absolute(project: Path, tmp_path: Path) -> None:
    portraits(tmp_path / "far", "ada/1.jpg")
    assert len(fetch(str(tmp_path / "far"))) == 1


def test_images_that_differ_by_their_ending_alone_keep_it_in_their_ids(project: Path) -> None:
    portraits(Path("mine"), "ada/1.jpg", "ada/1.png", "ada/2.jpg")
    assert [r["image_id"] for r in fetch("mine")] == ["ada/1.jpg", "ada/1.png", "ada/2"]


def test_strays_and_empty_folders_are_named(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    portraits(Path("mine"), "ada/1.jpg", "loose.jpg", ".DS_Store", "ada/._1.jpg")
    (Path("mine/ada/notes.txt")).write_text("notes")
    (Path("mine/empty")).mkdir()
    assert [r["image_id"] for r in fetch("mine")] == ["ada/1"]
    said = capsys.readouterr().err
    assert "2 files not taken: 1 in no sitter's folder (loose.jpg), 1 of a type that is not read" in said
    assert "(ada/notes.txt)" in said
    assert "2 files of photo programs or the system left out: 1 .DS_Store, 1 ._*" in said
    assert "1 folders without an image: empty" in said
    assert not list(Path("out").rglob("*.txt"))


def test_a_pattern_says_which_images_are_taken(project: Path) -> None:
    portraits(Path("mine"), "ada/1.pgm", "ada/target.jpg")
    assert [r["image_id"] for r in fetch("mine", pattern="*.pgm")] == ["ada/1"]


def test_linked_folders_are_followed_and_loops_end(project: Path, tmp_path: Path) -> None:
    portraits(tmp_path / "far", "1.jpg")
    portraits(Path("mine"), "ada/1.jpg")
    os.symlink(tmp_path / "far", "mine/eve")
    os.symlink("..", "mine/ada/loop")
    os.symlink("nowhere.jpg", "mine/ada/dangling.jpg")
    rows = fetch("mine")
    assert [r["image_id"] for r in rows] == ["ada/1", "eve/1"]
    assert not (Path("out") / "eve").is_symlink()


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
def test_what_cannot_be_taken_is_explained(project: Path, names: list[str], path: str, words: list[str]) -> None:
    portraits(Path("mine"), *names)
    with pytest.raises(SitterError) as caught:
        fetch(path)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("path", ["data/raw/mine", "data/raw", "data/raw/mine/deeper", "."])
def test_originals_in_the_output_folder_are_refused_since_they_would_be_lost(project: Path, path: str) -> None:
    portraits(Path("data/raw/mine/deeper"), "ada/1.jpg")
    with pytest.raises(SitterError, match="keep the originals in another folder"):
        fetch(path)
    assert Path("data/raw/mine/deeper/ada/1.jpg").exists()


def test_weights_of_ones_own_are_found_by_the_name_of_their_entry(project: Path) -> None:
    Path("net.onnx").write_bytes(b"weights")
    out = Path("data/raw/net")
    out.mkdir(parents=True)
    file.fetch(out, "net", FileOptions(path="net.onnx", sha256=sha256(Path("net.onnx"))))
    (out / "source.json").write_text("{}")
    with pytest.raises(SitterError, match="python -m pipeline download net"):
        weights_file("net")  # not whole before its manifest is written
    write_manifest(out)
    assert weights_file("net") == out / "net.onnx"
    assert weights_file("net").read_bytes() == b"weights"
    (out / "second.onnx").write_bytes(b"more")
    with pytest.raises(SitterError, match=r"holds 2 \(net.onnx, second.onnx\)"):
        weights_file("net")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "neither"),
        ({"path": "net.onnx", "url": "https://example.org/net.onnx"}, "both"),
        ({"path": "absent.onnx"}, "does not exist"),
        ({"path": "."}, "overlaps"),
        ({"path": "net.onnx", "sha256": "0" * 64}, "has sha256"),
        ({"url": "ftp://example.org/net.onnx", "sha256": "0" * 64}, "https://"),
        ({"url": "https://example.org/net.onnx"}, "add the checksum"),
    ],
)
def test_a_file_that_cannot_be_trusted_or_found_is_explained(
    project: Path, options: dict[str, str], words: str
) -> None:
    Path("net.onnx").write_bytes(b"weights")
    with pytest.raises(SitterError, match=words):
        file.fetch(Path("out"), "net", FileOptions(**options))
    assert not list(Path("out").iterdir())
