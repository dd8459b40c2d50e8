"""Images of a list go on where they broke off, if they are still the same, and never enter the cache by halves."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest

from pipeline.core.errors import SitterError
from pipeline.core.layout import Layout
from pipeline.sources import web
from tests.sources.pictures import picture
from tests.sources.site import Site
from tests.sources.test_manifest import failures, fetch, listing

PNG = picture(1, "PNG", 300)
HALF = len(PNG) // 2 // web.BLOCK * web.BLOCK


def one(at: Layout, site: Site, name: str = "1.png", content: bytes = PNG, **cells: str) -> None:
    site.files[f"/{name}"] = content
    listing(at, [{"sitter": "Ada", "url": f"{site.url}/{name}", **cells}])


def cached(tmp_path: Path) -> list[str]:
    """Endings of what the cache holds; a whole image has none."""
    return sorted(p.suffix for p in (tmp_path / "cache/urls").rglob("*") if p.is_file())


def test_a_broken_image_goes_on_where_it_broke_off(at: Layout, project: Path, site: Site, tmp_path: Path) -> None:
    one(at, site)
    site.etags["/1.png"] = '"v1"'
    site.faults["/1.png"] = ["cut"]
    fetch(at)
    assert [span for _, span, _ in site.asked] == ["", f"bytes={HALF}-"]
    assert (at.root / "out/Ada/1.png").read_bytes() == PNG
    assert cached(tmp_path) == [""]


def test_the_next_run_goes_on_where_the_last_gave_up(at: Layout, project: Path, site: Site, tmp_path: Path) -> None:
    one(at, site)
    (at.root / "more.png").write_bytes(picture(2, "PNG"))
    listing(at, [{"sitter": "Ada", "url": f"{site.url}/1.png"}, {"sitter": "Eve", "path": "more.png"}])
    site.etags["/1.png"] = '"v1"'
    site.faults["/1.png"] = ["cut"]
    fetch(at, retries=0)
    assert "1.png" in failures(at)
    assert cached(tmp_path) == [".mark", ".part"]
    fetch(at, retries=0)
    assert site.asked[-1][1] == f"bytes={HALF}-"
    assert (at.root / "out/Ada/1.png").read_bytes() == PNG
    assert cached(tmp_path) == [""]


@pytest.mark.parametrize("version", ['"v2"', 'W/"weak"', None])
def test_a_file_that_has_changed_is_never_mixed_with_its_former_half(
    at: Layout, project: Path, site: Site, version: str | None
) -> None:
    one(at, site)
    if version:
        site.etags["/1.png"] = '"v1"'
    site.faults["/1.png"] = ["cut"]
    target, mark = at.root / "file", at.root / "mark"
    with pytest.raises(web.Unfetched):
        web.save(f"{site.url}/1.png", target, web.session(), retries=0, mark=mark)
    assert target.stat().st_size == HALF > 0
    site.files["/1.png"] = picture(3, "PNG", 210)
    if version:
        site.etags["/1.png"] = version
    web.save(f"{site.url}/1.png", target, web.session(), retries=0, mark=mark)
    assert target.read_bytes() == picture(3, "PNG", 210)
    assert mark.exists() == (version == '"v2"')


def test_a_range_that_was_not_asked_for_is_not_taken(at: Layout, project: Path, site: Site) -> None:
    one(at, site)
    site.etags["/1.png"] = '"v1"'
    site.faults["/1.png"] = ["cut", "other"]
    fetch(at)
    assert (at.root / "out/Ada/1.png").read_bytes() == PNG
    assert [bool(span) for _, span, _ in site.asked] == [False, True, False]


@pytest.mark.parametrize(("name", "form"), [("1.png", "PNG"), ("1.jpg", "JPEG"), ("1.tif", "TIFF"), ("1.webp", "WEBP")])
def test_half_an_image_that_claims_to_be_whole_is_listed_and_not_kept(
    at: Layout, project: Path, site: Site, tmp_path: Path, name: str, form: str
) -> None:
    one(at, site, name, picture(1, form, 200))
    (at.root / "more.png").write_bytes(picture(2, "PNG"))
    listing(at, [{"sitter": "Ada", "url": f"{site.url}/{name}"}, {"sitter": "Eve", "path": "more.png"}])
    site.faults[f"/{name}"] = ["half"]
    fetch(at)
    assert any(word in failures(at)[name] for word in ("is broken or truncated", "is no image"))
    assert cached(tmp_path) == []
    assert len(fetch(at)) == 2
    assert failures(at) == {}


def test_a_server_that_keeps_silent_is_asked_again(
    at: Layout, project: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "TIMEOUT", (5, 0.3))
    one(at, site)
    site.faults["/1.png"] = ["stall"]
    fetch(at)
    assert (at.root / "out/Ada/1.png").read_bytes() == PNG
    (at.root / "more.png").write_bytes(picture(2, "PNG"))
    one(at, site, "2.png")
    listing(at, [{"sitter": "Ada", "url": f"{site.url}/2.png"}, {"sitter": "Eve", "path": "more.png"}])
    site.faults["/2.png"] = ["stall"] * 2
    fetch(at, retries=1)
    assert failures(at)["2.png"] == "no answer within 0.3 s (tried 2 times)"


def test_one_url_for_two_sitters_is_fetched_once(at: Layout, project: Path, site: Site, tmp_path: Path) -> None:
    site.files["/both.png"] = PNG
    site.pause = 0.05
    listing(at, [{"sitter": name, "url": f"{site.url}/both.png"} for name in ("Ada", "Eve", "Joan")])
    assert [row["image_id"] for row in fetch(at, workers=3, per_host=3)] == ["Ada/both", "Eve/both", "Joan/both"]
    assert site.paths() == ["/both.png"]
    assert cached(tmp_path) == [""]


def test_what_is_too_large_leaves_nothing(
    at: Layout, project: Path, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.sources.taken.LARGEST_IMAGE", 1000)
    one(at, site)
    (at.root / "more.png").write_bytes(picture(2, "PNG"))
    listing(at, [{"sitter": "Ada", "url": f"{site.url}/1.png"}, {"sitter": "Eve", "path": "more.png"}])
    site.etags["/1.png"] = '"v1"'
    fetch(at)
    assert "is larger than" in failures(at)["1.png"]
    assert ".part" not in cached(tmp_path)


def test_an_image_of_too_many_pixels_is_left_to_align(at: Layout, project: Path, site: Site) -> None:
    """… whose account names it and `max_megapixels`: nothing is decoded here."""
    png = bytearray(PNG)
    png[16:24] = struct.pack(">II", 50_000, 50_000)
    png[29:33] = struct.pack(">I", zlib.crc32(png[12:29]))
    one(at, site, "bomb.png", bytes(png))
    assert [row["path"] for row in fetch(at)] == ["Ada/bomb.png"]


def test_a_museums_csv_is_read_under_our_names(at: Layout, project: Path, site: Site) -> None:
    site.files["/1.png"] = PNG
    (at.root / "museum.csv").write_text(
        "Objektnummer;Dargestellt;Künstler;Jahr;artist;Bild\n"
        f"I 12;Ada;Anna Dorothea Therbusch;1777;ask the curator;{site.url}/1.png\n"
    )
    columns = {"image_id": "Objektnummer", "sitter": "Dargestellt", "artist": "Künstler", "year": "Jahr", "url": "Bild"}
    (row,) = fetch(at, "museum.csv", columns=columns, separator=";")
    assert (row["image_id"], row["sitter"], row["artist"], row["year"]) == (
        "I 12", "Ada", "Anna Dorothea Therbusch", "1777",
    )  # fmt: skip
    assert row["their_artist"] == "ask the curator"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"columns": {"sitter": "who", "url": "image", "artits": "by"}}, ["'artits'", "did you mean 'artist'?"]),
        ({"columns": {"sitter": "who", "url": "link"}}, ["column link is missing", "who, by, image"]),
        ({"separator": ";"}, ["column sitter is missing", "who, by, image"]),
    ],
)
def test_a_wrong_mapping_is_explained(at: Layout, project: Path, options: dict[str, object], words: list[str]) -> None:
    (at.root / "list.csv").write_text("who,by,image\nAda,Anna,http://127.0.0.1/1.png\n")
    with pytest.raises(SitterError) as caught:
        fetch(at, **options)  # type: ignore[arg-type]
    assert all(word in str(caught.value) for word in words)
