"""A user's list is checked row by row, fetched in parallel and politely, and accounted for image by image."""

from __future__ import annotations

import csv
import hashlib
import time
import unicodedata
from pathlib import Path

import pytest

from pipeline.core.errors import SitterError
from pipeline.core.files import sha256
from pipeline.core.layout import Layout
from pipeline.core.own_files import below
from pipeline.params.sources.manifest import ManifestOptions
from pipeline.sources import manifest
from tests.sources.manifest_rows import manifest_rows
from tests.sources.pictures import picture
from tests.sources.site import Site


def listing(at: Layout, rows: list[dict[str, str]], name: str = "list.csv") -> Path:
    path = at.root / name
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(k for r in rows for k in r)), restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path


def fetch(at: Layout, path: Path | str = "list.csv", **options: object) -> list[dict[str, str]]:
    given = ManifestOptions(path=str(path), **{"backoff": 0.01, "retries": 2, **options})  # type: ignore[arg-type]
    return manifest_rows(manifest.fetch(at.root / "out", "set", below(at.root, given)))


def failures(at: Layout) -> dict[str, str]:
    with open(at.root / "out/failed.csv", newline="") as file:
        return {row["source"].rpartition("/")[2]: row["reason"] for row in csv.DictReader(file)}


def web(site: Site, count: int) -> list[dict[str, str]]:
    site.files |= {f"/{i}.jpg": picture(i) for i in range(count)}
    return [{"sitter": f"sitter {i % 3}", "url": f"{site.url}/{i}.jpg", "artist": f"artist {i}"} for i in range(count)]


def test_files_and_urls_arrive_whole_in_the_order_of_the_list(at: Layout, project: Path, site: Site) -> None:
    rows = web(site, 12)
    (at.root / "own.bin").write_bytes(picture(99, "PNG"))
    rows.insert(4, {"sitter": "Žofie", "path": "own.bin", "year": "1843", "licence": "CC0"})
    listing(at, rows)
    got = fetch(at, licence="public domain", workers=4)
    assert [r["image_id"] for r in got][:6] == [
        "sitter_0/0", "sitter_1/1", "sitter_2/2", "sitter_0/3", "Žofie/own", "sitter_1/4",
    ]  # fmt: skip
    for row in got:
        assert sha256(at.root / "out" / row["path"]) == row["sha256"]
    assert got[4]["path"] == "Žofie/own.png"  # named by its content
    assert (got[4]["year"], got[4]["licence"], got[5]["licence"]) == ("1843", "CC0", "public domain")
    assert (got[5]["url"], got[5]["artist"]) == (f"{site.url}/4.jpg", "artist 4")
    assert (at.root / "out" / got[5]["path"]).read_bytes() == picture(4)
    assert failures(at) == {}


def test_what_cannot_be_had_is_listed_with_its_reason_and_the_rest_goes_on(
    at: Layout, project: Path, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = web(site, 3)
    site.files["/page.jpg"] = b"<!DOCTYPE html><html>Not here</html>"
    site.files["/empty.jpg"] = b""
    site.faults["/down.jpg"] = [500] * 9
    (at.root / "text.jpg").write_text("no image")
    rows += [{"sitter": "x", "url": f"{site.url}/{n}.jpg"} for n in ("absent", "page", "empty", "down")]
    rows += [{"sitter": "x", "url": "http://127.0.0.1:9/refused.jpg"}]
    rows += [{"sitter": "x", "url": f"{site.url}/0.jpg", "sha256": "0" * 64, "image_id": "wrong"}]
    rows += [{"sitter": "x", "path": "absent.jpg"}, {"sitter": "x", "path": "text.jpg"}, {"sitter": "x", "path": "out"}]
    listing(at, rows)
    assert len(fetch(at)) == 3
    said = capsys.readouterr().err
    assert f"line 5: {site.url}/absent.jpg: the server answered 404" in said
    assert "Correct the list, or run it again" in said
    reasons = failures(at)
    expected = {
        "absent.jpg": "does not exist",
        "page.jpg": "is no image: begins with b'<!DOCTYPE html>",
        "empty.jpg": "is empty",
        "down.jpg": "the server answered 500 Internal Server Error (tried 3 times)",
        "refused.jpg": "Connection refused",
        "0.jpg": f"has sha256 {sha256(at.root / 'out/sitter_0/0.jpg')}, but the list says {'0' * 64}",
        "text.jpg": "is no image",
        "out": "is a folder",
    }
    assert reasons.keys() == expected.keys()
    for name, reason in expected.items():
        assert reason in reasons[name], name
    assert site.paths().count("/absent.jpg") == 1  # no use asking again
    assert site.paths().count("/down.jpg") == 3


def test_complete_means_that_nothing_may_be_missing(at: Layout, project: Path, site: Site) -> None:
    listing(at, [*web(site, 2), {"sitter": "x", "url": f"{site.url}/absent.jpg"}])
    with pytest.raises(
        SitterError, match=r"1 of 3 images could not be fetched, and download.set.complete is set(.|\n)*404"
    ):
        fetch(at, complete=True)


def test_a_list_of_which_nothing_can_be_had_stops_the_run(at: Layout, project: Path, site: Site) -> None:
    listing(at, [{"sitter": "x", "url": f"{site.url}/absent.jpg"}])
    with pytest.raises(SitterError, match="1 of 1 images"):
        fetch(at)


def test_passing_faults_are_overcome(at: Layout, project: Path, site: Site) -> None:
    listing(at, web(site, 4))
    site.faults = {"/0.jpg": [503], "/1.jpg": ["cut"], "/2.jpg": [429, "cut"]}
    assert len(fetch(at)) == 4
    assert failures(at) == {}


def test_a_server_that_says_how_long_to_wait_is_obeyed(at: Layout, project: Path, site: Site) -> None:
    listing(at, web(site, 1))
    site.headers["Retry-After"] = "1"
    site.faults["/0.jpg"] = [429]
    fetch(at)
    first, second = (when for _, _, when in site.asked)
    assert second - first >= 1


def test_what_was_fetched_once_is_not_fetched_again(at: Layout, project: Path, site: Site) -> None:
    rows = web(site, 5)
    listing(at, rows)
    site.faults["/3.jpg"] = [404]
    assert len(fetch(at)) == 4
    assert len(fetch(at)) == 5
    assert sorted(site.paths()) == sorted([*(f"/{i}.jpg" for i in range(5)), "/3.jpg"])


def test_a_checksum_in_the_list_outdates_what_was_kept(at: Layout, project: Path, site: Site) -> None:
    row = web(site, 1)[0]
    listing(at, [row])
    fetch(at)
    site.files["/0.jpg"] = picture(7)
    (at.root / "new.jpg").write_bytes(picture(7))
    listing(at, [row | {"sha256": sha256(at.root / "new.jpg").upper()}])
    fetch(at)
    assert (at.root / "out/sitter_0/0.jpg").read_bytes() == picture(7)


def test_one_host_is_not_overrun(at: Layout, project: Path, site: Site) -> None:
    listing(at, web(site, 24))
    site.pause = 0.02
    fetch(at, workers=12, per_host=3)
    assert site.busiest <= 3
    assert site.busiest > 1


def test_requests_to_one_host_keep_their_distance(at: Layout, project: Path, site: Site) -> None:
    """On the whole: a busy machine delays single requests, so that some of them arrive close together."""
    listing(at, web(site, 5))
    begun = time.monotonic()
    fetch(at, delay=0.2, per_host=2)
    assert max(when for _, _, when in site.asked) - begun >= 4 * 0.2


def test_slow_hosts_do_not_hold_up_others(at: Layout, project: Path, site: Site) -> None:
    from tests.sources.site import serving

    with serving() as slow:
        slow.pause, slow.piece = 0.05, 100
        slow.files = {f"/{i}.jpg": picture(i) for i in range(8)}
        rows = [{"sitter": "slow", "url": f"{slow.url}/{i}.jpg"} for i in range(8)]
        listing(at, [*rows, *web(site, 8)])
        fetch(at, workers=4, per_host=2)
        assert max(w for _, _, w in site.asked) < max(w for _, _, w in slow.asked)


def test_servers_are_told_who_asks(at: Layout, project: Path, site: Site) -> None:
    listing(at, web(site, 1))
    fetch(at, contact="ada@example.org")
    assert all(a.startswith("sitter/") and "ada@example.org" in a for a in site.agents)


def test_other_names_of_columns_are_said_once(at: Layout, project: Path) -> None:
    (at.root / "images").mkdir()
    (at.root / "images/1.jpg").write_bytes(picture(1))
    listing(at, [{"filename": "images/1.jpg", "who": "Ada", "title": "Ada, seated"}])
    row = fetch(at, columns={"path": "filename", "sitter": "who"})[0]
    assert (row["sitter"], row["title"], row["image_id"]) == ("Ada", "Ada, seated", "Ada/1")


def test_paths_are_relative_to_the_list_or_to_root(at: Layout, project: Path, tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "far/1.jpg").write_bytes(picture(1))
    rows = [{"sitter": "Ada", "path": "1.jpg"}]
    assert len(fetch(at, listing(at, rows), root=str(tmp_path / "far"))) == 1
    listing(at, rows, str(tmp_path / "far/list.csv"))
    assert len(fetch(at, tmp_path / "far/list.csv")) == 1


def test_equal_names_get_ids_that_stay_when_rows_are_added(at: Layout, project: Path, site: Site) -> None:
    site.files = {f"/iiif/{i}/default.jpg": picture(i) for i in range(3)}
    rows = [{"sitter": "Ada", "url": f"{site.url}/iiif/{i}/default.jpg"} for i in range(3)]
    listing(at, rows[:2])
    first = {r["url"]: r["image_id"] for r in fetch(at)}
    listing(at, rows[::-1])
    second = {r["url"]: r["image_id"] for r in fetch(at)}
    assert len(set(second.values())) == 3
    assert first.items() <= second.items()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("path,who\na.jpg,Ada\n", ["column sitter is missing", "path, who"]),
        ("sitter,file\nAda,a.jpg\n", ["neither a column path nor url", "sitter, file", "columns:"]),
        ("sitter,path,url\nAda,,\n", ["line 2", "neither"]),
        ("sitter,path,url\nAda,a.jpg,http://x.org/a.jpg\n", ["line 2", "both"]),
        ("sitter,path\nAda,../secret.jpg\n", ["line 2", "../secret.jpg lies outside", "root"]),
        ("sitter,path\nAda,/etc/passwd\n", ["line 2", "lies outside"]),
        ("sitter,url\nAda,file:///etc/passwd\n", ["line 2", "https://"]),
        ("sitter,path,sha256\nAda,a.jpg,123\n", ["line 2", "64 hexadecimal"]),
        ("sitter,path,image_id\nAda,a.jpg,../x\n", ["line 2", "'../x' cannot be an image_id"]),
        ("sitter,path,image_id\nAda,a.jpg,x\nEve,b.jpg,x\n", ["line 3", "image_id x stands in line 2"]),
        ("sitter,path\nAda,a.jpg\nEve,b.jpg\nAda,a.jpg\n", ["line 4", "a.jpg stands in line 2"]),
        ("sitter,path\nAda,a.jpg,b\n", ["line 2", "more cells"]),
        ("sitter,path\n", ["lists no images"]),
        ("", ["no header line"]),
        ("sitter,path\n" + "Ada,\n" * 30, ["line 2", "line 11", "and 20 more"]),
    ],
)
def test_faults_of_a_list_are_named_by_row_before_anything_is_fetched(
    at: Layout, project: Path, text: str, words: list[str]
) -> None:
    (at.root / "list.csv").write_text(text)
    with pytest.raises(SitterError) as caught:
        fetch(at)
    for word in words:
        assert word in str(caught.value)
    assert not list((at.root / "out").iterdir())


def test_a_list_in_another_encoding_is_explained(at: Layout, project: Path) -> None:
    (at.root / "list.csv").write_bytes("sitter,path\nJosé,a.jpg\n".encode("latin-1"))
    with pytest.raises(SitterError, match="not UTF-8"):
        fetch(at)


@pytest.mark.slow
def test_a_long_list_takes_seconds(at: Layout, project: Path, site: Site) -> None:
    site.files = {f"/{i}.jpg": picture(i % 50) for i in range(600)}
    listing(at, [{"sitter": f"s{i % 99}", "url": f"{site.url}/{i}.jpg"} for i in range(600)])
    start = time.monotonic()
    assert len(fetch(at, workers=16, per_host=16)) == 600
    assert time.monotonic() - start < 12


def test_messages_name_the_line_also_after_blank_ones_and_cells_of_several_lines(at: Layout, project: Path) -> None:
    (at.root / "list.csv").write_text('sitter,path,title\nAda,a.jpg,"one\ntwo"\n\n\nAda,,x\n')
    with pytest.raises(SitterError, match=r"list.csv, line 6: needs either a path or a url"):
        fetch(at)


def test_columns_that_sitter_writes_itself_are_kept_under_another_name(
    at: Layout, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (at.root / "a.jpg").write_bytes(picture(1))
    own = dict.fromkeys(["origin", "rendering", "style", "pairs", "status", "score", "fold", "subset"], "theirs")
    listing(at, [{"sitter": "Ada", "path": "a.jpg", "medium": "oil", **own, "their_origin": "Flanders"}])
    (row,) = fetch(at)
    assert not own.keys() & row.keys()
    assert {k: row[k] for k in ("medium", "their_origin", "their_their_origin", "their_pairs")} == {
        "medium": "oil", "their_origin": "Flanders", "their_their_origin": "theirs", "their_pairs": "theirs",
    }  # fmt: skip
    assert "origin is kept as their_their_origin" in capsys.readouterr().err


def test_files_whose_names_differ_in_slashes_accents_or_capitals_are_found_and_counted(
    at: Layout, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (at.root / "Ann").mkdir()
    for n, name in enumerate(("Ann/0.jpg", "Ann/1.JPG", unicodedata.normalize("NFD", "Zoë.jpg"), "plain.jpg")):
        (at.root / name).write_bytes(picture(n))
    paths = ["Ann\\0.jpg", "ann\\1.jpg", "Zoë.jpg", "plain.jpg"]
    listing(at, [{"sitter": "Ann", "path": path, "artist": unicodedata.normalize("NFD", "Zoë")} for path in paths])
    rows = fetch(at, complete=True)
    assert [row["sha256"] for row in rows] == [hashlib.sha256(picture(n)).hexdigest() for n in range(4)]
    assert [row["image_id"] for row in rows] == ["Ann/0", "Ann/1", "Ann/Zoë", "Ann/plain"]
    assert {row["artist"] for row in rows} == {"Zoë"}
    said = capsys.readouterr().err
    assert all(word in said for word in ("2 backslashes", "1 accents", "1 other capitals", "'Ann\\\\0.jpg'"))


def test_what_is_listed_under_two_spellings_is_one_image(at: Layout, project: Path) -> None:
    (at.root / "Ann").mkdir()
    (at.root / "Ann/0.jpg").write_bytes(picture(0))
    listing(at, [{"sitter": "Ann", "path": "Ann/0.jpg"}, {"sitter": "Ann", "path": "Ann\\0.jpg"}])
    with pytest.raises(SitterError, match=r"line 3: image .* stands in line 2"):
        fetch(at)
    listing(at, [{"sitter": "Ann", "path": "ANN/0.jpg"}, {"sitter": "Ann", "path": "ann/0.jpg"}])
    with pytest.raises(SitterError, match="which line 2 names already"):
        fetch(at, complete=True)


def test_the_advice_to_run_again_is_given_only_where_it_can_help(
    at: Layout, project: Path, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    (at.root / "BIG.JPG").write_bytes(picture(0))
    listing(at, [{"sitter": "x", "path": "bigger.jpg"}])
    with pytest.raises(SitterError) as caught:
        fetch(at)
    assert "run it again" not in str(caught.value)
    assert "BIG.JPG" in str(caught.value)
    listing(at, [{"sitter": "x", "path": "BIG.JPG"}, {"sitter": "x", "path": "absent.jpg"}])
    fetch(at)
    assert "run it again" not in capsys.readouterr().err
    site.faults["/down.jpg"] = [500] * 9
    listing(at, [{"sitter": "x", "url": f"{site.url}/down.jpg"}])
    with pytest.raises(SitterError, match="run it again"):
        fetch(at)


@pytest.mark.parametrize("text", ["sitter;path\nAda;a.jpg\n", "sep=;\r\nsitter;path\r\nAda;a.jpg\r\n"])
def test_lists_as_excel_saves_them_are_read(at: Layout, project: Path, text: str) -> None:
    (at.root / "a.jpg").write_bytes(picture(1))
    for encoding in ("utf-8-sig", "utf-16"):
        (at.root / "list.csv").write_bytes(text.encode(encoding))
        assert [row["sitter"] for row in fetch(at)] == ["Ada"]


def test_line_breaks_within_cells_come_out_in_one_form(at: Layout, project: Path) -> None:
    (at.root / "a.jpg").write_bytes(picture(1))
    (at.root / "list.csv").write_bytes(b'sitter,path,title\r\n"Ada\r\nL.",a.jpg,"one\rtwo\r\nthree"\r\n')
    (row,) = fetch(at)
    assert (row["sitter"], row["title"]) == ("Ada L.", "one\ntwo\nthree")
