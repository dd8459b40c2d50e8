"""Images in a folder per sitter: which files are images, in what order they come, and the rows of their manifest."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from pipeline.artifacts import sha256
from pipeline.errors import SitterError
from pipeline.own import walk

Row = dict[str, str]

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".pgm", ".ppm", ".pnm", ".pbm", ".bmp", ".tif", ".tiff", ".webp"}
    | {".gif", ".jp2", ".avif"}
)
# What operating systems leave in folders and archives.
CLUTTER = {"__MACOSX", "Thumbs.db", "desktop.ini"}


def is_image(name: str) -> bool:
    """Whether a file's name says that it is an image."""
    return PurePosixPath(name).suffix.lower() in SUFFIXES


def is_portrait(path: PurePosixPath | Path, pattern: str = "*") -> bool:
    """Whether a path below a folder of sitters' folders is an image of a sitter, under a name that fits `pattern`."""
    return len(path.parts) > 1 and is_image(path.name) and fnmatchcase(path.name, pattern)


def is_clutter(path: PurePosixPath | Path) -> bool:
    """Whether a path is hidden or of the operating system's own making (`.DS_Store`, `__MACOSX/…`)."""
    return any(part.startswith(".") or part in CLUTTER for part in path.parts)


def natural(name: str) -> list[list[str | int]]:
    """Sorting key by which `s2/10` comes after `s2/9` and before `s10/1`."""
    return [[int(p) if p.isdecimal() else p for p in re.split(r"(\d+)", part)] for part in name.split("/")]


def tree(folder: Path) -> Iterator[Path]:
    """Files below a folder, relative to it, links followed (each folder once), clutter left out."""
    return walk(folder, skip=lambda name: is_clutter(Path(name)))


def check_id(image_id: str, where: str) -> str:
    """The id itself, if it can be a relative path without `.`, `..`, control characters or undecodable bytes.

    Raises:
        SitterError: it cannot; the message begins with `where`.
    """
    parts = image_id.split("/")
    if any(p in ("", ".", "..") or len(p.encode(errors="replace")) > 240 for p in parts):
        raise SitterError(f"{where}: {image_id!r} cannot be an image_id, which is a short relative path like s1/10.")
    if not image_id.isprintable():
        raise SitterError(f"{where}: the name {image_id!r} holds control characters or is not UTF-8: rename it.")
    return image_id


def rows(folder: Path, entry: str, licence: str | None = None) -> list[Row]:
    """A row for each image of a folder per sitter, in natural order: image_id, path, sitter, sha256, licence.

    The sitter is the first folder of an image's path, whatever lies between. The id is the path without its suffix,
    or with it where two images differ by nothing else.
    """
    files = [p.as_posix() for p in tree(folder) if is_portrait(p)]
    files.sort(key=lambda f: (natural(f), f))
    stems = [str(PurePosixPath(f).with_suffix("")) for f in files]
    count = Counter(stems)
    found = []
    for file, stem in zip(files, stems, strict=True):
        image_id = check_id(file if count[stem] > 1 else stem, f"download.{entry}")
        row = {"image_id": image_id, "path": file, "sitter": file.partition("/")[0], "sha256": sha256(folder / file)}
        found.append(row | ({"licence": licence} if licence else {}))
    return found
