"""A path that looks right finds its file, if there is exactly one that it can mean; each folder is listed once."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.core.lookup import ACCENTS, BACKSLASHES, CAPITALS, FileFinder, NotFound

NFD = unicodedata.normalize("NFD", "Zoë.png")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("Ann/0.png", "Ann/deep/1.PNG", NFD, "BIG.PNG", "two.png", "Two.png", "Été/Noël.JPG"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


@pytest.mark.parametrize(
    ("written", "file", "how"),
    [
        ("Ann\\0.png", "Ann/0.png", {BACKSLASHES}),
        (".\\Ann\\deep\\1.PNG", "Ann/deep/1.PNG", {BACKSLASHES}),
        ("ann/Deep/1.png", "Ann/deep/1.PNG", {CAPITALS}),
        ("Zoë.png", NFD, {ACCENTS}),
        ("ZOË.png", NFD, {CAPITALS}),
        ("big.png", "BIG.PNG", {CAPITALS}),
        (unicodedata.normalize("NFD", "Été\\NOËL.jpg"), "Été/Noël.JPG", {BACKSLASHES, ACCENTS, CAPITALS}),
        ("Ann/../big.png", "BIG.PNG", {CAPITALS}),
    ],
)
def test_the_one_file_that_can_be_meant_is_found(root: Path, written: str, file: str, how: set[str]) -> None:
    finder = FileFinder(root)
    assert finder.find(written).read_text() == file
    assert set(finder.counts) == how
    assert repr(written) in finder.example


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("TWO.PNG", ["'Two.png', 'two.png'", "write the one"]),
        ("bigg.png", ["does not exist", "BIG.PNG"]),
        ("Ann/9.png", ["does not exist", "0.png"]),
        ("nowhere/0.png", ["does not exist"]),
        ("C:\\Users\\Ann\\0.png", ["Windows"]),
        ("\\\\server\\share\\0.png", ["Windows"]),
        ("..\\secret.png", ["outside"]),
    ],
)
def test_where_none_or_several_can_be_meant_the_nearest_are_named(root: Path, written: str, words: list[str]) -> None:
    finder = FileFinder(root)
    with pytest.raises(NotFound) as caught:
        finder.find(written)
    for word in words:
        assert word.lower() in str(caught.value).lower()
    assert not finder.counts


def test_no_file_outside_the_root_is_found(root: Path) -> None:
    with pytest.raises(NotFound, match="outside"):
        FileFinder(root / "Ann").find("..\\big.png")


@given(st.text(st.sampled_from("aAeéÉßİ ñ"), min_size=1, max_size=6).filter(lambda n: n.strip(" ") == n), st.booleans())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_name_in_other_capitals_or_another_encoding_is_found(tmp_path: Path, name: str, upper: bool) -> None:
    folder = tmp_path / name.encode().hex()
    folder.mkdir(exist_ok=True)
    (folder / unicodedata.normalize("NFD", name)).write_text("x")
    written = unicodedata.normalize("NFC", name.upper() if upper else name)
    if not (folder / written).exists():
        assert FileFinder(folder).find(written).read_text() == "x"


def test_each_folder_is_listed_once_for_any_number_of_rows(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed: list[str] = []
    real = os.listdir
    monkeypatch.setattr(os, "listdir", lambda path: listed.append(str(path)) or real(path))
    finder = FileFinder(root)
    for _ in range(500):
        assert finder.find("ann\\0.PNG").name == "0.png"
        with pytest.raises(NotFound):
            finder.find("ann\\absent.png")
    assert len(listed) == len(set(listed)) == 2
