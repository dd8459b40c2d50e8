"""Images in a folder per sitter: which files are images, their order, and their ids."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from pipeline.core.errors import SitterError
from pipeline.core.files import sha256
from pipeline.core.names import nfc
from pipeline.core.own_files import walk
from pipeline.store.columns import licence_column
from pipeline.store.raw import RawImage

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".pgm", ".ppm", ".pnm", ".pbm", ".bmp", ".tif", ".tiff", ".webp"}
    | {".gif", ".jp2", ".avif"}
)


def is_image(name: str) -> bool:
    """Whether a file's name says that it is an image."""
    return PurePosixPath(name).suffix.lower() in SUFFIXES


def natural(name: str) -> list[list[str | int]]:
    """Return a sorting key by which `s2/10` comes after `s2/9` and before `s10/1`."""
    return [[int(p) if p.isdecimal() else p for p in re.split(r"(\d+)", part)] for part in name.split("/")]


def tree(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder, relative to it; links are followed, and each folder is entered once."""
    return walk(folder)


def check_id(image_id: str, where: str) -> str:
    """Return the id itself, if it can be a relative path without `.`, `..`, control characters or undecodable bytes.

    Raises:
        SitterError: it cannot be one; the message begins with `where`.
    """
    parts = image_id.split("/")
    if any(p in ("", ".", "..") or len(p.encode(errors="replace")) > 240 for p in parts):
        raise SitterError(f"{where}: {image_id!r} cannot be an image_id, which is a short relative path like s1/10.")
    if not image_id.isprintable():
        raise SitterError(f"{where}: the name {image_id!r} holds control characters or is not UTF-8: rename it.")
    return image_id


def composed(path: PurePosixPath, written: dict[str, PurePosixPath], where: str) -> str:
    """Return the name in NFC under which a portrait is kept, and enter it in `written`.

    Raises:
        SitterError: another portrait has this name already; the message begins with `where`.
    """
    name = check_id(nfc(path.as_posix()), where)
    other = written.setdefault(name, path)
    if other is not path:
        raise SitterError(
            f"{where} holds two files with one name, {name!r}: {str(other)!a} and {str(path)!a} differ only in how "
            "their accents are encoded. Delete one, or rename it."
        )
    return name


def rows(folder: Path, entry: str, files: Iterable[str], licence: str | None = None) -> list[RawImage]:
    """Return portraits as rows of a manifest, in natural order.

    The sitter is the first folder of a portrait's path, whatever folders lie between.

    Args:
        folder: the folder with the portraits.
        entry: name of the entry.
        files: their paths, relative to the folder, in NFC.
        licence: terms of use.
    """
    ordered = sorted(files, key=lambda file: (natural(file), file))
    found = []
    for file, image_id in zip(ordered, ids(ordered), strict=True):
        check_id(image_id, f"download.{entry}")
        checksum = sha256(folder / file)
        found.append(RawImage(image_id, file, file.partition("/")[0], checksum, licence_column(licence)))
    return found


def ids(files: Sequence[str]) -> list[str]:
    """Return a unique id for each of these different paths: without the suffix, or with it where that is needed.

    >>> ids(["a/1.jpg", "a/2.jpg", "a/2.png", "a/2.jpg.png"])
    ['a/1', 'a/2.jpg', 'a/2.png', 'a/2.jpg.png']
    """
    found = [str(PurePosixPath(file).with_suffix("")) for file in files]
    while twice := {image_id for image_id, count in Counter(found).items() if count > 1}:
        found = [file if image_id in twice else image_id for file, image_id in zip(files, found, strict=True)]
    return found
