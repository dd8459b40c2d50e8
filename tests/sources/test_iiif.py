"""IIIF manifests and collections of both versions become portraits with columns, by what their servers allow."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pydantic import ValidationError

from pipeline.core.errors import SitterError
from pipeline.core.files import read_csv
from pipeline.core.layout import Layout
from pipeline.params.sources.iiif import IIIFOptions
from pipeline.sources import iiif
from tests.sources import stages
from tests.sources.iiif_server import (
    IIIFServer,
    annotation,
    body_3,
    resource_2,
    serving_iiif,
    version_2,
    version_3,
)
from tests.sources.manifest_rows import manifest_rows


@pytest.fixture
def server() -> Iterator[IIIFServer]:
    with serving_iiif() as running:
        yield running


def fetch(at: Layout, **options: Any) -> list[dict[str, str]]:
    """Rows of the manifest."""
    given = IIIFOptions(**{"backoff": 0.01, "retries": 2, **options})
    (at.root / "out").mkdir(exist_ok=True)
    return manifest_rows(iiif.fetch(at.root / "out", "set", given))


def failures(at: Layout) -> dict[str, str]:
    return {row["source"]: row["reason"] for row in read_csv(at.root / "out/failed.csv")}


def size(at: Layout, row: dict[str, str]) -> tuple[int, int]:
    with Image.open(at.root / "out" / row["path"]) as image:
        return image.size


def test_a_manifest_of_version_3_fills_the_columns(at: Layout, project: Path, server: IIIFServer) -> None:
    manifest = version_3(
        {"en": ["Portrait of a lady"], "nl": ["Portret van een dame"]},
        body_3(server.add("a-1")),
        metadata=[
            {"label": {"en": ["Sitter"], "nl": ["Voorgesteld"]}, "value": {"nl": ["Saskia van Uylenburgh"]}},
            {"label": {"nl": ["Vervaardiger"]}, "value": {"none": ["Rembrandt"]}},
            {"label": {"en": ["Date"]}, "value": {"en": ["1633"]}},
            {"label": {"en": ["Provenance:"]}, "value": {"en": ["<p>Bought <b>1750</b></p>", "Given 1900"]}},
            {"label": {"en": ["Score"]}, "value": {"en": ["7 of 9"]}},
        ],
        requiredStatement={"label": {"en": ["Credit"]}, "value": {"en": ["Gift of A."]}},
        rights="http://creativecommons.org/publicdomain/zero/1.0/",
        provider=[{"type": "Agent", "label": {"en": ["City Museum"]}}],
        homepage=[{"id": "https://example.org/a-1", "type": "Text"}],
    )
    uri = server.publish("manifest.json", manifest)
    (row,) = fetch(at, url=uri, columns={"sitter": "voorgesteld"})
    assert row["image_id"] == "Saskia_van_Uylenburgh/a-1"
    expected = {
        "sitter": "Saskia van Uylenburgh",
        "title": "Portrait of a lady",
        "artist": "Rembrandt",
        "year": "1633",
        "provenance": "Bought 1750; Given 1900",
        "their_score": "7 of 9",
        "credit": "Gift of A.",
        "licence": "http://creativecommons.org/publicdomain/zero/1.0/",
        "institution": "City Museum",
        "page": "https://example.org/a-1",
        "manifest": uri,
        "url": f"{server.url}/image/a-1/full/max/0/default.jpg",
    }
    assert {name: row[name] for name in expected} == expected
    assert size(at, row) == (400, 300)
    (dutch,) = fetch(at, url=uri, language="nl")
    assert (dutch["title"], dutch["sitter"], dutch["voorgesteld"]) == (
        "Portret van een dame", "", "Saskia van Uylenburgh",
    )  # fmt: skip


def test_a_manifest_of_version_2_fills_the_same_columns(at: Layout, project: Path, server: IIIFServer) -> None:
    manifest = version_2(
        [{"@value": "Bildnis", "@language": "de"}, {"@value": "Portrait", "@language": "en"}],
        server.add("v2", version=2),
        metadata=[
            {"label": "Depicted", "value": "Ada"},
            {"label": [{"@value": "Künstler", "@language": "de"}], "value": ["Anna", "Therbusch"]},
            {"label": "Accession Number", "value": "I 12"},
        ],
        attribution="Museum of X",
        license="https://creativecommons.org/licenses/by-nc/4.0/",
        related={"@id": "https://example.org/12", "format": "text/html"},
    )
    (row,) = fetch(at, url=server.publish("2.json", manifest), columns={"sitter": "Depicted"}, language="de")
    names = ("sitter", "title", "artist", "inventory", "credit", "licence", "page")
    assert [row[name] for name in names] == [
        "Ada", "Bildnis", "Anna; Therbusch", "I 12", "Museum of X",
        "https://creativecommons.org/licenses/by-nc/4.0/", "https://example.org/12",
    ]  # fmt: skip
    assert server.images() == ["v2/full/full"]


def test_a_collection_is_followed_to_its_end_in_its_order(at: Layout, project: Path, server: IIIFServer) -> None:
    uris = [server.publish(f"{i}.json", version_3({"none": [str(i)]}, body_3(server.add(f"i{i}")))) for i in range(4)]
    old = server.publish("old.json", version_2("old", server.add("old", version=2)))
    inner = {"type": "Collection", "items": [{"id": uri, "type": "Manifest"} for uri in uris[2:]]}
    second = server.publish("page.json", {"@type": "sc:Collection", "manifests": [{"@id": uris[3]}, {"@id": old}]})
    paged = server.publish("paged.json", {"@type": "sc:Collection", "first": second})
    top = server.publish(
        "top.json",
        {
            "type": "Collection",
            "items": [
                {"id": uris[1], "type": "Manifest"},
                {"id": server.publish("inner.json", inner), "type": "Collection"},
                {"id": paged, "type": "Collection"},
                {"id": f"{server.url}/top.json", "type": "Collection"},  # itself
                {"id": uris[0], "type": "Manifest"},
            ],
        },
    )
    assert [row["title"] for row in fetch(at, url=top)] == ["1", "2", "3", "old", "0"]
    assert len(server.paths()) == len(set(server.paths()))


def test_a_picture_is_as_large_as_detection_needs_and_the_server_allows(
    at: Layout, project: Path, server: IIIFServer
) -> None:
    listed = ((100, 75), (200, 150), (400, 300))
    small = {"version": 3, "level": 0, "sizes": listed[:2]}
    services = {
        "whole-3": (server.add("whole-3"), 1000, "full/max"),
        "scaled-3": (server.add("scaled-3"), 120, "full/120,"),
        "tall": (server.add("tall", 300, 400, level=1), 120, "full/90,"),
        "scaled-2": (server.add("scaled-2", version=2, level=1), 120, "full/120,"),
        "limited-3": (server.add("limited-3", max_width=150), 1000, "full/150,"),
        "limited-2": (server.add("limited-2", 310, 401, version=2, max_area=20_000), 1000, "full/124,"),
        "listed-3": (server.add("listed-3", level=0, sizes=listed), 150, "full/200,150"),
        "listed-2": (server.add("listed-2", version=2, level=0, sizes=listed), 150, "full/200,"),
        "largest": (server.add("largest", **small, max_width=200), 1000, "full/max"),
        "bare-3": (server.add("bare-3", level=0), 150, "full/max"),
        "bare-2": (server.add("bare-2", version=2, level=0), 150, "full/full"),
    }
    for name, (service, wanted, expected) in services.items():
        (row,) = fetch(at, url=f"{service}/info.json", longer_side=wanted)
        assert server.images()[-1] == f"{name}/{expected}"
        assert row["sitter"] == ""
        assert row["image_id"] == f"unidentified/{name}"
        assert max(size(at, row)) >= min(wanted, 150)


def test_a_region_that_a_canvas_shows_is_cut_by_the_server(at: Layout, project: Path, server: IIIFServer) -> None:
    album, static = server.add("album"), server.add("static", level=0)
    part = {"type": "SpecificResource", "source": body_3(album), "selector": {"region": "10,20,200,100"}}
    part["selector"] |= {"type": "ImageApiSelector"}
    in_url = body_3(album, "ImageService2") | {"id": f"{album}/0,0,120,150/full/0/default.jpg"}
    choice = {"type": "Choice", "items": [body_3(server.add("natural")), body_3(server.add("infrared"))]}
    no_cut = {**part, "source": body_3(static)}
    uri = server.publish("m.json", version_3({"en": ["Album"]}, part, in_url, choice, no_cut))
    rows = fetch(at, url=uri)
    assert [size(at, row) for row in rows] == [(200, 100), (120, 150), (400, 300)]
    assert sorted(server.images()) == ["album/0,0,120,150/max", "album/10,20,200,100/max", "natural/full/max"]
    assert [row["view"] for row in rows] == ["View 0", "View 1", "View 2"]
    assert len({row["image_id"] for row in rows}) == 3
    assert (
        failures(at)[static]
        == "the server cuts no regions (level 0), and the canvas shows 10,20,200,100: set region: full"
    )
    assert [size(at, row) for row in fetch(at, url=uri, region="full")] == [(400, 300)] * 3  # the album once
    assert [row["view"] for row in fetch(at, url=uri, canvases="first")] == ["View 0"]


def test_images_without_a_service_and_canvases_with_metadata_of_their_own(
    at: Layout, project: Path, server: IIIFServer
) -> None:
    server.files["/plain/one.jpg"] = server.files.get(f"/image/{Path(server.add('x')).name}/full/max/0/default.jpg")
    plain = {"id": f"{server.url}/plain/one.jpg", "type": "Image"}
    document = version_3(
        {"en": ["Album"]}, plain, {"type": "Video", "id": f"{server.url}/v.mp4"}, body_3(server.add("y"))
    )
    for canvas, sitter in zip(document["items"], ("Ada", "Eve", "Joan"), strict=True):
        canvas["metadata"] = [{"label": {"en": ["Shows"]}, "value": {"en": [sitter]}}]
    document["metadata"] = [{"label": {"en": ["Shows"]}, "value": {"en": ["Two people"]}}]
    rows = fetch(at, url=server.publish("m.json", document), columns={"sitter": "Shows"})
    assert [row["image_id"] for row in rows] == ["Ada/one", "Joan/y"]


def test_what_is_broken_or_gone_is_listed_and_the_rest_comes(at: Layout, project: Path, server: IIIFServer) -> None:
    good = server.publish("good.json", version_3({"en": ["Good"]}, body_3(server.add("good"))))
    server.files["/half.json"] = server.files["/good.json"][:80]
    server.files["/page.json"] = b"<!DOCTYPE html><html>Not here</html>"
    server.files["/list.json"] = b"[1, 2]"
    server.files["/deep.json"] = b"[" * 100_000
    other = server.publish("other.json", {"type": "AnnotationPage"})
    lost = server.publish("lost.json", version_3({"en": ["Lost"]}, body_3(f"{server.url}/image/lost")))
    names = ("half", "page", "list", "deep", "absent")
    parts = [good, *(f"{server.url}/{name}.json" for name in names), other, lost, "ftp://127.0.0.1/m.json"]
    uri = server.publish("top.json", {"type": "Collection", "items": [{"id": part} for part in parts]})
    assert [row["title"] for row in fetch(at, url=uri)] == ["Good"]
    expected = {
        f"{server.url}/half.json": "is no JSON: begins with",
        f"{server.url}/page.json": "is no JSON: begins with b'<!DOCTYPE html>",
        f"{server.url}/list.json": "is no IIIF document but a JSON list",
        f"{server.url}/deep.json": "is no JSON",
        f"{server.url}/absent.json": "the server answered 404",
        other: "is no IIIF manifest and no collection; its type is AnnotationPage",
        f"{server.url}/image/lost": "info.json: the server answered 404",
    }
    reasons = failures(at)
    assert reasons.keys() == expected.keys()
    for source, reason in expected.items():
        assert reason in reasons[source], source
    with pytest.raises(SitterError, match=r"7 of 8 images could not be fetched, and download.set.complete is set"):
        fetch(at, url=uri, complete=True)
    with pytest.raises(SitterError, match=r"1 of 1 images(.|\n)*the server answered 404"):
        fetch(at, url=f"{server.url}/absent.json")


def test_an_interrupted_fetch_goes_on(at: Layout, project: Path, server: IIIFServer) -> None:
    """Killed while images come: nothing that is there is asked for again, and half an image is completed."""
    uris = [
        server.publish(f"{i}.json", version_3({"en": [str(i)]}, body_3(server.add(f"i{i}", 1200)))) for i in range(3)
    ]
    top = server.publish("top.json", {"type": "Collection", "items": [{"id": uri} for uri in uris]})
    broken = "/image/i2/full/max/0/default.jpg"
    server.etags[broken], server.faults[broken] = '"v1"', ["cut"]
    options = {"url": top, "workers": 1, "per_host": 1, "retries": 0}
    with pytest.raises(SitterError, match="complete is set"):
        fetch(at, **options, complete=True)
    before = server.paths()
    assert len(before) == 1 + 3 + 3 + 3
    assert [row["title"] for row in fetch(at, **options)] == ["0", "1", "2"]
    assert server.paths()[len(before) :] == [broken]
    assert server.asked[-1][1].startswith("bytes=")
    fetch(at, **options)  # it was done: collections may have grown since
    assert sorted(server.paths()[len(before) + 1 :]) == sorted(path for path in before if "default" not in path)


def test_one_host_is_asked_politely_for_all_that_it_has(at: Layout, project: Path, server: IIIFServer) -> None:
    uris = [server.publish(f"{i}.json", version_3({"en": [str(i)]}, body_3(server.add(f"i{i}")))) for i in range(2)]
    top = server.publish("top.json", {"type": "Collection", "items": [{"id": uri} for uri in uris]})
    fetch(at, url=top, delay=0.05, contact="a@b.org")
    times = [when for _, _, when in server.asked]
    assert len(times) == 7
    assert all(second - first >= 0.04 for first, second in pairwise(times))
    assert all("a@b.org" in agent for agent in server.agents)


def test_files_of_ones_own_are_read_and_their_faults_named(at: Layout, project: Path, server: IIIFServer) -> None:
    folder = at.root / "iiif"
    folder.mkdir()
    (folder / "one.json").write_text(json.dumps(version_3({"en": ["One"]}, body_3(server.add("one")))))
    (folder / "two.json").write_text(json.dumps(version_2("Two", server.add("two", version=2))))
    assert [row["title"] for row in fetch(at, path=str(folder))] == ["One", "Two"]
    (folder / "two.json").write_text('{"type": "Canvas"}')
    with pytest.raises(SitterError, match=r"download.set.path: .*two.json is no IIIF manifest .* its type is Canvas"):
        fetch(at, path=str(folder))
    (at.root / "none").mkdir()
    with pytest.raises(SitterError, match=r"a folder without a file \*.json"):
        fetch(at, path=str(at.root / "none"))


def test_a_label_that_no_manifest_has_is_named_with_the_nearest(at: Layout, project: Path, server: IIIFServer) -> None:
    fields = [{"label": {"en": ["Depicted"]}, "value": {"en": ["Ada"]}}]
    uri = server.publish("m.json", version_3({"en": ["M"]}, body_3(server.add("m")), metadata=fields))
    with pytest.raises(SitterError, match=r"columns.sitter is 'Depcited'.* did you mean 'Depicted'\?"):
        fetch(at, url=uri, columns={"sitter": "Depcited"})
    with pytest.raises(SitterError, match=r"columns names 'sitters', .* did you mean 'sitter'\?"):
        fetch(at, url=uri, columns={"sitters": "Depicted"})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "needs a url or a path"),
        ({"url": "file:///etc/passwd"}, "url"),
        ({"url": "https://a.org", "size": 50}, "size"),
    ],
)
def test_options_are_checked_before_anything_is_fetched(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        IIIFOptions(**given)


def test_the_stage_makes_a_data_set_of_a_collection(at: Layout, project: Path, server: IIIFServer) -> None:
    names = ("Ada", "unknown", "Ada")
    uris = []
    for i, name in enumerate(names):
        fields = [{"label": {"en": ["Depicted"]}, "value": {"en": [name]}}]
        uris.append(
            server.publish(f"{i}.json", version_3({"en": [name]}, body_3(server.add(f"i{i}")), metadata=fields))
        )
    rows = stages.fetch(at, kind="iiif", url=uris, columns={"sitter": "Depicted"}, licence="on request")
    assert [(row["sitter"], row["licence"]) for row in rows] == [
        ("Ada", "on request"), ("", "on request"), ("Ada", "on request"),
    ]  # fmt: skip
    assert rows[1]["sitter_as_written"] == "unknown"


def test_annotations_that_comment_are_no_images(at: Layout, project: Path, server: IIIFServer) -> None:
    document = version_3({"en": ["M"]}, body_3(server.add("m")))
    note = annotation(body_3(server.add("note"))) | {"motivation": "commenting"}
    document["items"][0]["items"][0]["items"].append(note)
    old = version_2("old", server.add("old", version=2))
    old["sequences"][0]["canvases"][0]["images"][0]["resource"] = {
        "@type": "oa:Choice", "default": resource_2(f"{server.url}/image/old"), "item": []
    }  # fmt: skip
    uris = [server.publish("m.json", document), server.publish("old.json", old)]
    assert [Path(row["image_id"]).name for row in fetch(at, url=uris)] == ["m", "old"]
