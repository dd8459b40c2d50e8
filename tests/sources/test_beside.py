"""What a download reads beside the files that params.yaml names is known before it runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.params.sources import SOURCES
from pipeline.plan.beside import read_beside


def beside(home: Path, **options) -> list[Path]:
    """What a download reads, relative to the project's root."""
    return read_beside(SOURCES[options["kind"]].model_validate(options), home)


def test_the_images_that_a_list_names_are_known_in_whatever_way_it_is_written(tmp_path):
    for folder in ("images", "b"):
        (tmp_path / folder).mkdir()
    for name in ("images/1.jpg", "b/2.jpg", "images/{x}.jpg"):
        (tmp_path / name).touch()
    (tmp_path / "list.csv").write_text(
        "sitter;file\nA; images/1.jpg\nB;b\\2.jpg\nC;images/{x}.jpg\nD;IMAGES/1.JPG\nE;gone.jpg\n"
    )
    found = beside(tmp_path, kind="manifest", path="list.csv", columns={"path": "file"})
    assert found == [Path(p) for p in ("images/1.jpg", "b/2.jpg", "images/{x}.jpg", "images/1.jpg", "gone.jpg")]


def test_the_list_is_read_again_when_it_changes(at, tmp_path):
    (tmp_path / "list.csv").write_text("sitter,path\nA,1.jpg\n")
    assert beside(tmp_path, kind="manifest", path="list.csv") == [(Path("1.jpg"))]
    (tmp_path / "list.csv").write_text("sitter,path\nA,1.jpg\nB,2.jpg\n")
    assert beside(tmp_path, kind="manifest", path="list.csv") == [(Path("1.jpg")), (Path("2.jpg"))]


@pytest.mark.parametrize("text", ["sitter,url\nA,https://example.org/a.jpg\n", "", "\0\0", 'sitter,path\nA,"1.jpg\n'])
def test_a_list_without_paths_and_a_broken_one_name_nothing(tmp_path, text):
    (tmp_path / "list.csv").write_text(text)
    assert beside(tmp_path, kind="manifest", path="list.csv") == []
    assert beside(tmp_path, kind="manifest", path="absent.csv") == []


def test_the_images_below_a_root_count_with_it(tmp_path):
    (tmp_path / "list.csv").write_text("sitter,path\nA,1.jpg\n")
    assert beside(tmp_path, kind="manifest", path="list.csv", root=".") == []


def test_a_record_file_is_read_with_its_index_and_property(at, tmp_path):
    found = beside(tmp_path, kind="recordio", path="set/train.rec")
    assert found == [(Path("set/train.idx")), (Path("set/property"))]
    assert beside(tmp_path, kind="recordio", url="https://example.org/train.rec", sha256="0" * 64) == []
