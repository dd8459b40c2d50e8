"""Makes zip and tar files for tests, with good members and others, and takes them in as the source does."""

from __future__ import annotations

import io
import shutil
import tarfile
import zipfile
from pathlib import Path

from pipeline.core.layout import Layout
from pipeline.core.own_files import below
from pipeline.params.sources.archive import ArchiveOptions
from pipeline.sources import archive
from tests.sources.manifest_rows import manifest_rows
from tests.sources.pictures import picture

Member = tuple[str, bytes]


def make_zip(path: Path, members: list[Member]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members:
            made.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return path


def make_tar(path: Path, members: list[Member]) -> Path:
    with tarfile.open(path, "w:gz") as made:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            made.addfile(info, io.BytesIO(content))
    return path


def special(path: Path, name: str, kind: bytes, target: str = "") -> Path:
    """A tar with one good image and one member that is no plain file."""
    with tarfile.open(make_tar(path, []), "w:gz") as made:
        good = tarfile.TarInfo("faces/ada/1.jpg")
        good.size = len(picture(1))
        made.addfile(good, io.BytesIO(picture(1)))
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, target
        made.addfile(info)
    return path


def fetch(at: Layout, archive_path: Path | None, **options: object) -> list[dict[str, str]] | None:
    shutil.rmtree(at.root / "out")
    (at.root / "out").mkdir()
    given = {"path": archive_path and str(archive_path), "contents": "images", **options}
    options_given = ArchiveOptions(**given)  # type: ignore[arg-type]
    images = archive.fetch(at.root / "out", "set", below(at.root, options_given))
    return None if images is None else manifest_rows(images)


def written_outside(project: Path) -> list[str]:
    """Files anywhere near the project that no test put there."""
    ours = {"evil.zip", "evil.tar.gz", ".lock"}
    return [str(p) for p in project.parent.rglob("*") if "pwned" in p.name and p.name not in ours]
