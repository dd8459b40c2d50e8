"""Images as delivered: what sources make is what the manifest holds and what `align` reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.core.errors import SitterError
from pipeline.core.layout import Layout
from pipeline.stages.download import write_images
from pipeline.store.columns import licence_column
from pipeline.store.raw import (
    NotFetched,
    Origin,
    RawImage,
    each_raw,
    read_source,
    write_failed,
    write_source,
)

SHA = "9f86d081"


def put(at: Layout, images: Any) -> str:
    folder = at.raw("mine")
    folder.mkdir(parents=True, exist_ok=True)
    write_images(folder, "mine", images)
    return (folder / "manifest.csv").read_text()


def test_the_manifest_holds_what_sources_make(at: Layout) -> None:
    images = [
        RawImage("a/1", "a/1.jpg", "Ann", SHA, {"year": "1632"} | licence_column("CC0")),
        RawImage("b/1", "b/1.jpg", "Unknown woman", SHA, {"title": "Tronie, small"}),
    ]
    assert put(at, images) == (
        "image_id,path,sitter,sha256,year,licence,title,sitter_as_written\n"
        "a/1,a/1.jpg,Ann,9f86d081,1632,CC0,,\n"
        'b/1,b/1.jpg,,9f86d081,,,"Tronie, small",Unknown woman\n'
    )
    ann, nobody = each_raw("mine", at)
    written = {"year": "1632", "licence": "CC0", "title": "", "sitter_as_written": ""}
    assert ann == RawImage("a/1", "a/1.jpg", "Ann", SHA, written)
    assert list(ann.carried) == ["sha256", *written]
    assert nobody.further["sitter_as_written"] == "Unknown woman"


def test_a_rendering_keeps_the_columns_of_its_photograph() -> None:
    photograph = RawImage("a/1", "a/1.jpg", "Ann", SHA, {"style": "theirs", "year": "1632"})
    painted = photograph.rendered(2, "oil", "a/1~2", "a/1~2.jpg", "0")
    further = {"origin": "a/1", "rendering": 2, "style": "oil", "year": "1632"}
    assert painted == RawImage("a/1~2", "a/1~2.jpg", "Ann", "0", further)
    assert list(painted.further) == list(further)


def test_a_manifest_of_other_programs_has_no_checksums(at: Layout) -> None:
    at.raw("mine").mkdir(parents=True)
    (at.raw("mine") / "manifest.csv").write_text("image_id,path,sitter,year\n1,1.jpg,Ann,1632\n")
    (image,) = each_raw("mine", at)
    assert image == RawImage("1", "1.jpg", "Ann", None, {"year": "1632"})
    assert dict(image.carried) == {"year": "1632"}


def test_a_source_that_makes_anything_else_is_told_what_to_make(at: Layout) -> None:
    row = {"image_id": "1", "path": "1.jpg", "sitter": "Ann", "sha256": SHA}

    def second() -> Iterator[object]:
        yield RawImage("1", "1.jpg", "Ann")
        yield row

    for images in ([row], iter([row]), second()):
        with pytest.raises(SitterError) as said:
            put(at, images)
        assert str(said.value).startswith("download.mine: the source made a dict, {'image_id': '1', ")
        assert "Let it make RawImage(image_id, path, sitter, sha256, further) for each image" in str(said.value)
        assert not (at.raw("mine") / "manifest.csv").exists()


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ({}, {"year": "1632"}, "image '2' has the further column 'year', which other images lack"),
        ({"sha256": SHA}, {}, "further column sha256: give it as this field of RawImage"),
    ],
)
def test_columns_that_do_not_fit_are_named(
    at: Layout, first: dict[str, str], second: dict[str, str], said: str
) -> None:
    images = (RawImage(str(n), f"{n}.jpg", "Ann", SHA, further) for n, further in enumerate((first, second), 1))
    with pytest.raises(SitterError, match=said):
        put(at, images)


def test_what_could_not_be_fetched_and_the_origin_are_written_as_before(at: Layout) -> None:
    folder = at.raw("mine")
    folder.mkdir(parents=True)
    write_failed(folder, [NotFetched(3, "a/1", "Ann", "https://a.b/1.jpg", "is empty")])
    assert (folder / "failed.csv").read_text() == (
        "line,image_id,sitter,source,reason\n3,a/1,Ann,https://a.b/1.jpg,is empty\n"
    )
    assert read_source("mine", at) == Origin("mine", "", {})
    origin = Origin("mine", "hub", {"repo": "a/b", "licence": "MIT"})
    write_source(folder, origin)
    assert (folder / "source.json").read_text() == (
        '{\n "entry": "mine",\n "kind": "hub",\n "repo": "a/b",\n "licence": "MIT"\n}\n'
    )
    found = read_source("mine", at)
    assert found == origin
    assert (found.repo, found.url) == ("a/b", "")
