"""Large files by URL go on where they broke off, and are never mixed from two versions."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from pipeline.core.errors import SitterError
from pipeline.core.layout import Layout
from pipeline.sources import web
from pipeline.sources.local import own_file
from tests.sources.site import Site

CONTENT = bytes(range(256)) * 4000
CHECKSUM = hashlib.sha256(CONTENT).hexdigest()


def fetch(site: Site) -> Path:
    return own_file("net", None, f"{site.url}/net.onnx", CHECKSUM)[0]


def left_by_a_killed_run(tmp_path: Path, content: bytes) -> None:
    scratch = tmp_path / "cache/sha256" / f"{CHECKSUM}.part"
    scratch.mkdir(parents=True)
    (scratch / "file").write_bytes(content)


def test_a_killed_download_goes_on_where_it_was(project: Path, site: Site, tmp_path: Path) -> None:
    site.files["/net.onnx"] = CONTENT
    left_by_a_killed_run(tmp_path, CONTENT[:700_000])
    assert fetch(site).read_bytes() == CONTENT
    assert [span for _, span, _ in site.asked] == ["bytes=700000-"]
    assert not (tmp_path / "cache/sha256" / f"{CHECKSUM}.part").exists()


def test_a_connection_that_breaks_is_taken_up_again(
    at: Layout, project: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.files["/net.onnx"] = CONTENT
    site.faults["/net.onnx"] = ["cut"]
    target = at.root / "file"
    web.save(f"{site.url}/net.onnx", target, web.session(), backoff=0.01, resume=True)
    assert target.read_bytes() == CONTENT
    assert site.asked[1][1].startswith("bytes=")


def test_half_of_another_version_is_thrown_away(project: Path, site: Site, tmp_path: Path) -> None:
    site.files["/net.onnx"] = CONTENT
    left_by_a_killed_run(tmp_path, b"older" * 100)
    assert fetch(site).read_bytes() == CONTENT


def test_more_than_the_server_has_is_thrown_away(
    project: Path, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.files["/net.onnx"] = CONTENT
    site.faults["/net.onnx"] = [416]
    left_by_a_killed_run(tmp_path, CONTENT + b"more")
    monkeypatch.setattr("time.sleep", lambda _: None)
    assert fetch(site).read_bytes() == CONTENT


def test_a_url_that_does_not_answer_is_named_with_the_reason(project: Path, site: Site) -> None:
    with pytest.raises(SitterError, match=r"download.net: .*/net.onnx could not be fetched: .* 404"):
        fetch(site)


def test_what_is_too_large_is_given_up(at: Layout, project: Path, site: Site) -> None:
    site.files["/net.onnx"] = CONTENT
    with pytest.raises(web.Unfetched, match="larger than 0 MB"):
        web.save(f"{site.url}/net.onnx", at.root / "file", web.session(), limit=1000)
