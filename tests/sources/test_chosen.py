"""Folders and archives take the same files, and say of all others in the same words why they are left."""

from __future__ import annotations

import io
import re
import tarfile
import unicodedata
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.errors import SitterError
from pipeline.core.layout import Layout
from pipeline.params.sources.archive import ArchiveOptions
from pipeline.params.sources.folder import FolderOptions
from pipeline.sources import archive, folder
from pipeline.sources.chosen import choose, misplaced
from pipeline.sources.image_files import ids
from tests.sources.pictures import picture

NFC, NFD = (unicodedata.normalize(form, "Zoë") for form in ("NFC", "NFD"))


def spread(root: Path, names: list[str]) -> Path:
    """Files of these names below a folder; an empty folder for a name that ends in a slash."""
    for number, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            (root / name).mkdir(exist_ok=True)
        else:
            (root / name).write_bytes(picture(number) if name.lower().endswith(("jpg", "png")) else b"other")
    return root


def plain(at: Layout, root: Path) -> Path:
    return root


def zipped(at: Layout, root: Path) -> Path:
    with zipfile.ZipFile(at.root / "mine.zip", "w") as made:
        for path in sorted(root.rglob("*")):
            made.write(path, path.relative_to(root))
    return at.root / "mine.zip"


def tarred(at: Layout, root: Path) -> Path:
    with tarfile.open(at.root / "mine.tgz", "w:gz") as made:
        made.add(root, ".")
    return at.root / "mine.tgz"


def fetched(at: Layout, what: Path, capsys: pytest.CaptureFixture[str], **options: str) -> tuple[list[str], list[str]]:
    """Ids, and lines said."""
    out = at.root / f"out-{what.suffix}"
    out.mkdir()
    if what.is_dir():
        images = folder.fetch(out, "mine", FolderOptions(path=str(what), **options))
    else:
        found = archive.fetch(out, "mine", ArchiveOptions(path=str(what), contents="images", **options))  # type: ignore[arg-type]
        assert found is not None
        images = found
    said = capsys.readouterr().err.replace("\r", "\n").splitlines()
    return [image.image_id for image in images], [line for line in said if line.startswith("mine:")]


MIXED = [
    *("ada/1.jpg", "ada/2.JPG", "ada/a.heic", "ada/notes.txt", "loose.jpg", "eve/1.heic", "empty/", "bea/1.jpg"),
    *(".DS_Store", "ada/._1.jpg", "ada/.thumbnails/1.jpg", "ada/@eaDir/1.jpg/SYNOPHOTO_THUMB_M.jpg", "bea/Thumbs.db"),
    *("__MACOSX/ada/._1.jpg", "#recycle/ada/9.jpg", "ada/.picasaoriginals/1.jpg", "ada/1.xmp", "ada/1.AAE"),
    *("ada/Previews.lrdata/a/1.jpg", "bea/thumbnails/1.jpg", "bea/@Recycle/1.jpg"),
]


@pytest.mark.parametrize("packed", [zipped, tarred])
def test_an_archive_says_what_a_folder_says(
    at: Layout, project: Path, capsys: pytest.CaptureFixture[str], packed: Callable[[Layout, Path], Path]
) -> None:
    spread(at.root / "mine", MIXED)
    taken, said = fetched(at, at.root / "mine", capsys, pattern="*.jpg")
    assert taken == ["ada/1", "bea/1"]
    assert fetched(at, packed(at, at.root / "mine"), capsys, pattern="*.jpg") == (taken, said)
    words = "\n".join(said)
    for part in (
        "5 files not taken",
        "(loose.jpg)",
        "*.jpg (capitals",
        "(ada/2.JPG)",
        "(ada/a.heic, ada/notes.txt, eve",
    ):
        assert part in words
    assert "2 folders without an image: empty, eve" in words
    assert "13 files of photo programs or the system left out" in words
    for kind in ("1 #recycle", "1 ._*", "1 *.xmp", "1 .thumbnails"):
        assert kind in words


def test_nothing_is_said_where_all_is_taken(at: Layout, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spread(at.root / "mine", ["ada/1.jpg", "eve/old/1.png"])
    assert fetched(at, at.root / "mine", capsys) == (["ada/1", "eve/old/1"], [])


names = st.lists(
    st.lists(
        st.sampled_from(["a", "A", "@eaDir", ".x", "1.jpg", "1.png", "1.jpg.png", "2.txt"]), min_size=1, max_size=4
    ),
    max_size=12,
).map(lambda parts: sorted({"/".join(part) for part in parts}))


@given(names, st.sampled_from(["*", "*.jpg"]))
@settings(deadline=None)
def test_every_file_is_taken_or_accounted_for_once_and_no_two_ids_are_alike(files: list[str], pattern: str) -> None:
    chosen = choose(map(PurePosixPath, files), pattern)
    groups = [chosen.taken, *chosen.left.values(), *chosen.clutter.values()]
    assert sorted(str(path) for group in groups for path in group) == files
    given_ids = ids([str(path) for path in chosen.taken])
    assert len(set(given_ids)) == len(chosen.taken)


@pytest.mark.parametrize("packed", [plain, zipped, tarred])
def test_two_spellings_of_a_name_are_one_sitter_and_ids_are_composed(
    at: Layout, project: Path, capsys: pytest.CaptureFixture[str], packed: Callable[[Layout, Path], Path]
) -> None:
    spread(at.root / "mine", [f"{NFC}/1.jpg", f"{NFD}/2.jpg", f"ada/{NFD}.jpg"])
    taken, said = fetched(at, packed(at, at.root / "mine"), capsys)
    assert sorted(taken) == sorted([f"{NFC}/1", f"{NFC}/2", f"ada/{NFC}"])
    assert not said


@pytest.mark.parametrize("packed", [plain, zipped, tarred])
def test_two_files_that_become_one_by_composition_are_refused_by_name(
    at: Layout, project: Path, capsys: pytest.CaptureFixture[str], packed: Callable[[Layout, Path], Path]
) -> None:
    spread(at.root / "mine", [f"{NFC}/1.jpg", f"{NFD}/1.jpg"])
    with pytest.raises(SitterError, match=r"two files with one name.*u0308"):
        fetched(at, packed(at, at.root / "mine"), capsys)


@pytest.mark.parametrize(
    ("files", "setting"),
    [
        (["train/ada/1.jpg", "train/eve/1.jpg", "test/bea/1.jpg"], "BELOW test"),
        (["Train-1/0001/1.jpg", "Train-1/0002/1.jpg", "ada/1.jpg"], "BELOW Train-1"),
        (["faces/ada/1.jpg", "faces/eve/1.jpg"], "BELOW faces"),
        (["a/b/ada/1.jpg", "a/b/eve/1.jpg"], "BELOW a/b"),
        (["images/001/1.jpg", "images/002/1.jpg"], "BELOW images"),
        (["museum/ada/1.jpg", "museum/eve/1.jpg", "gift/bea/1.jpg", "gift/zoe/1.jpg"], "BELOW gift"),
    ],
)
def test_a_layout_that_is_one_level_off_is_pointed_out(files: list[str], setting: str) -> None:
    note = misplaced([PurePosixPath(file) for file in files], lambda below: f"BELOW {below}")
    assert note is not None
    assert re.search(rf"set {setting}\b", note)


@pytest.mark.parametrize(
    "files",
    [
        ["ada/1.jpg", "eve/1.jpg"],
        ["ada/1843/1.jpg", "ada/1850/1.jpg", "eve/1843/1.jpg"],
        ["ada/1843/1.jpg"],
        ["ada/photos/1.jpg", "ada/paintings/1.jpg", "eve/photos/1.jpg", "eve/paintings/1.jpg"],
        ["ada/1.jpg", "ada/old/1.jpg"],
        ["train/1.jpg", "ada/1.jpg"],
    ],
)
def test_a_usual_layout_is_not_remarked_on(files: list[str]) -> None:
    assert misplaced([PurePosixPath(file) for file in files], str) is None


@pytest.mark.parametrize("packed", [plain, zipped])
def test_the_setting_that_was_probably_meant_is_named(
    at: Layout, project: Path, capsys: pytest.CaptureFixture[str], packed: Callable[[Layout, Path], Path]
) -> None:
    spread(at.root / "mine", ["train/ada/1.jpg", "train/eve/1.jpg", "test/bea/1.jpg"])
    _, said = fetched(at, packed(at, at.root / "mine"), capsys)
    assert any(
        "were read as sitters" in line and re.search(r"(path: .*mine/test|member: test)\b", line) for line in said
    )


def test_a_sitters_own_folder_in_place_of_all_is_pointed_out(
    at: Layout, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spread(at.root / "mine", ["ada/1.jpg", "ada/2.jpg"])
    with pytest.raises(SitterError, match=r"path: \S*mine\b"):
        fetched(at, at.root / "mine/ada", capsys)


def test_names_of_a_zip_in_utf_8_without_its_flag_are_read(
    at: Layout, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As macOS's own archiver writes them, decomposed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        made.writestr("Zo__/1.jpg", picture(1))
    (at.root / "mac.zip").write_bytes(buffer.getvalue().replace(b"Zo__/", "Zoë/".encode()))
    assert fetched(at, at.root / "mac.zip", capsys)[0] == [f"{NFC}/1"]
