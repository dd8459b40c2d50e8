"""Kind `folder`: portraits of your own, in a folder per sitter.

They are copied. Links would be lighter, but what DVC or an editor does to the copy (write protection, a change in
place) must never reach the originals, and a result must not change because an original did.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from pipeline.errors import SitterError
from pipeline.own import OwnPath
from pipeline.progress import progress
from pipeline.sources.images import Row, check_id, is_image, is_portrait, rows, tree
from pipeline.sources.local import own_path

SHOWN = 5


def fetch(folder: Path, entry: str, *, path: OwnPath, pattern: str = "*", licence: str | None = None) -> list[Row]:
    """Images of your own in a folder per sitter (`path/SITTER/…/image.jpg`), copied.

    Args:
        folder: where the images go.
        entry: name of the entry.
        path: the folder that holds the sitters' folders, relative to the project's root or absolute.
        pattern: images whose file name fits are taken: `*.jpg`.
        licence: terms of use, kept beside the data.

    Returns:
        Rows of the manifest.
    """
    root = own_path(entry, path)
    if not root.is_dir():
        raise SitterError(f"download.{entry}.path is {path}, which is a file: name the folder of sitters' folders.")
    files = sorted(tree(root))
    images = [f for f in files if is_portrait(f, pattern) and (root / f).is_file()]
    if not images:
        raise SitterError(_nothing(entry, path, pattern, files))
    for file in progress(images, f"copy {entry}"):
        check_id(file.as_posix(), f"download.{entry}.path {path}")
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / file, folder / file)
    _say_what_was_left(entry, root, set(files) - set(images), {f.parts[0] for f in images})
    return rows(folder, entry, licence)


def _nothing(entry: str, path: str, pattern: str, files: list[Path]) -> str:
    loose = [f for f in files if is_image(f.name) and len(f.parts) == 1]
    if loose:
        return (
            f"download.{entry}.path is {path}: it holds {len(loose)} images ({loose[0]} …) and no folder per sitter. "
            "Move each sitter's images into a folder that bears the sitter's name, or list them in a CSV and use "
            "`kind: manifest`."
        )
    return f"download.{entry}.path is {path}: of {len(files)} files none is an image {pattern} in a folder per sitter."


def _say_what_was_left(entry: str, root: Path, strays: set[Path], sitters: set[str]) -> None:
    """Name files that were not taken and folders without images: a misplaced image is otherwise never missed."""
    empty = sorted(p.name for p in root.iterdir() if p.is_dir() and p.name not in sitters and p.name[0] != ".")
    for what, names in (("files not taken", sorted(map(str, strays))), ("folders without an image", empty)):
        if names:
            shown = ", ".join(names[:SHOWN]) + (" …" if len(names) > SHOWN else "")
            print(f"{entry}: {len(names)} {what}: {shown}", file=sys.stderr)
