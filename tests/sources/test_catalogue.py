"""Weights of the catalogue come from where it says, and only with the checksum that it says."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

import pytest

from pipeline.core.errors import SitterError
from pipeline.params.sources.archive import ArchiveOptions
from pipeline.params.sources.base import SourceOptions
from pipeline.params.sources.catalogue import CATALOGUE, CatalogueEntry, CatalogueOptions
from pipeline.params.sources.file import FileOptions
from pipeline.sources import catalogue
from tests.sources.site import Site

WEIGHTS = b"numbers" * 1000


def packed() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("pack/net.onnx", WEIGHTS)
    return file.getvalue()


def enter(monkeypatch: pytest.MonkeyPatch, source: SourceOptions) -> CatalogueOptions:
    """Weights that this machine serves, in the catalogue."""
    monkeypatch.setitem(CATALOGUE, "ours", CatalogueEntry("weights", {"kind": "onnx"}, "none", "MIT", source))  # type: ignore[arg-type]
    return CatalogueOptions(name="ours")


@pytest.mark.parametrize("form", ["file", "archive"])
def test_what_the_catalogue_names_is_fetched_and_checked(
    project: Path, site: Site, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    content = WEIGHTS if form == "file" else packed()
    site.files["/net"] = content
    there = {"url": f"{site.url}/net", "sha256": hashlib.sha256(content).hexdigest()}
    source = (
        FileOptions(**there) if form == "file" else ArchiveOptions(**there, member="pack/net.onnx", contents="file")
    )
    options = enter(monkeypatch, source)
    assert options.licence == "MIT"
    catalogue.fetch(project / "out", "ours", options)
    assert [file.read_bytes() for file in (project / "out").iterdir()] == [WEIGHTS]
    site.files["/net"] = content + b"!"
    (project / "other").mkdir()
    monkeypatch.setenv("SITTER_CACHE", str(project / "empty"))
    with pytest.raises(SitterError, match="has sha256"):
        catalogue.fetch(project / "other", "ours", options)
    assert not list((project / "other").iterdir())


def test_a_copy_goes_before_the_address(project: Path, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    enter(monkeypatch, FileOptions(url=f"{site.url}/net", sha256="0" * 64))
    (project / "copy.bin").write_bytes(WEIGHTS)
    options = CatalogueOptions(name="ours", path=str(project / "copy.bin"))
    catalogue.fetch(project / "out", "ours", options)
    assert (project / "out/copy.bin").read_bytes() == WEIGHTS
    assert site.paths() == []
    wrong = options.model_copy(update={"sha256": "0" * 64})
    with pytest.raises(SitterError, match="has sha256"):
        catalogue.fetch(project / "out", "ours", wrong)
