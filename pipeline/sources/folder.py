"""Kind `folder`: portraits of your own, in a folder per sitter.

They are copied. Links would take less space, but what DVC or an editor does to a copy (write protection, a change in
place) must never reach the originals, and a result must not change because an original did.
"""

from __future__ import annotations

import shutil
from pathlib import Path, PurePosixPath

from pipeline.core.errors import SitterError
from pipeline.core.progress import progress
from pipeline.params.sources.folder import FolderOptions
from pipeline.sources.chosen import Chosen, choose, cluttered, say
from pipeline.sources.image_files import composed, is_image, rows, tree
from pipeline.sources.local import own_path
from pipeline.store.raw import RawImage


def fetch(folder: Path, entry: str, options: FolderOptions) -> list[RawImage]:
    """Copy images of your own, in a folder per sitter (`path/SITTER/…/image.jpg`).

    Args:
        folder: the folder for the images.
        entry: name of the entry.
        options: the options of the entry.

    Returns:
        The images.
    """
    root = own_path(entry, options.path)
    if not root.is_dir():
        raise SitterError(
            f"download.{entry}.path is {options.path}, which is a file: name the folder of sitters' folders."
        )
    tops = [found.name for found in root.iterdir() if found.is_dir()]
    files = sorted(PurePosixPath(found.as_posix()) for found in tree(root))
    chosen = choose(files, options.pattern, tops, lambda file: (root / file).is_file())
    if not chosen.taken:
        raise SitterError(_nothing(entry, options.path, options.pattern, chosen))
    where = f"download.{entry}.path {options.path}"
    written: dict[str, PurePosixPath] = {}
    for file in progress(chosen.taken, f"copy {entry}"):
        target = folder / composed(file, written, where)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            raise SitterError(f"{where}: {file} exists twice with different capitals, but this disk needs two names.")
        shutil.copyfile(root / file, target)
    say(entry, chosen, lambda below: f"download.{entry}.path: {Path(options.path) / below}")
    return rows(folder, entry, written, options.licence)


def _nothing(entry: str, path: str, pattern: str, chosen: Chosen) -> str:
    where = f"download.{entry}.path is {path}"
    count = sum(len(files) for kind in (chosen.left, chosen.clutter) for files in kind.values())
    loose = [file for files in chosen.left.values() for file in files if len(file.parts) == 1 and is_image(file.name)]
    reasons = "".join(f"; {len(files)} {reason}, as {files[0]}" for reason, files in sorted(chosen.left.items()))
    reasons += f"; {cluttered(chosen)}" if chosen.clutter else ""
    if loose:
        return (
            f"{where}: it holds {len(loose)} images ({loose[0]} …) and no folder per sitter{reasons}. If it is one "
            f"sitter's folder, name the folder above it: path: {Path(path).parent}. Else move each sitter's images "
            "into a folder that bears the sitter's name, or list them in a CSV and use `kind: manifest`."
        )
    return f"{where}: of {count} files none is an image {pattern} in a folder per sitter{reasons}."
