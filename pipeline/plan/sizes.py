"""Counts the images and sitters of each data set: by `download.NAME.size`, or else by the files on this machine."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core.layout import MANIFEST, Layout
from pipeline.core.own_files import located, named

if TYPE_CHECKING:
    from pipeline.params import Study
    from pipeline.params.download import Source

COUNTED = 20_000
"""Largest number of files, or lines of a list, that are counted, so that `sitter check` stays fast."""
CROP = 24_000
"""Bytes of a face of 112×112 pixels, encoded without loss."""
PAINTED = 60_000
"""Bytes of a painted image."""
LISTED = 60_000
"""Bytes of an image that is known only by a line in a list."""


@dataclass(frozen=True)
class DataSize:
    """A data set, or weights."""

    images: int
    sitters: int
    bytes: int
    """Bytes as delivered."""
    aligned: bool = False
    """Whether it comes aligned and encoded, so that its faces are stored as they are."""

    @property
    def face_bytes(self) -> int:
        """Return the bytes of its aligned faces."""
        return self.bytes if self.aligned else CROP * self.images


def sizes(study: Study, at: Layout) -> dict[str, DataSize | None]:
    """Return every entry of `download` and `render` by its name; None where its size is unknown."""
    found = {name: _downloaded(study, name, at) for name in study.download}
    for name, render in study.render.items():
        of = found.get(render.dataset)
        images = of.images * render.renderings if of else 0
        found[name] = DataSize(images, of.sitters, PAINTED * images) if of else None
    return found


def _downloaded(study: Study, name: str, at: Layout) -> DataSize | None:
    source = study.download[name]
    aligned = name in study.align and study.align[name].detectors[0].kind == "aligned" and source.kind == "recordio"
    if source.size is not None:
        size = source.size
        return DataSize(size.images, size.sitters, round(1e9 * size.gb), aligned)
    folder = at.raw(name)
    if (folder / MANIFEST).is_file():
        return _found_in(folder)
    return _own(source, at.root)


def _own(source: Source, root: Path) -> DataSize | None:
    """Return what a source's own files hold, if they are on this machine."""
    paths = [root / located(path) for path in named(source).values()]
    if source.kind == "folder" and paths[0].is_dir():
        return _found_in(paths[0])
    if source.kind == "manifest" and paths[0].is_file():
        rows, sitters = _listed(paths[0], source.separator, (source.columns or {}).get("sitter", "sitter"))
        return DataSize(rows, sitters, LISTED * rows)
    if source.kind == "file" and paths and paths[0].is_file():
        return DataSize(0, 0, paths[0].stat().st_size)
    return None


def _found_in(folder: Path) -> DataSize | None:
    """Return the content of a folder with a folder per sitter; None if it holds too many files to count."""
    images = size = 0
    sitters = set()
    for place, _, files in os.walk(folder, followlinks=True):
        for file in files:
            size += os.stat(os.path.join(place, file)).st_size
            if Path(place) != folder:
                images += 1
                sitters.add(Path(place).relative_to(folder).parts[0])
        if images > COUNTED:
            return None
    return DataSize(images, len(sitters), size)


def _listed(file: Path, separator: str, column: str) -> tuple[int, int]:
    """Return the numbers of rows and sitters in a CSV."""
    rows, sitters = 0, set()
    with open(file, encoding="utf-8-sig", errors="replace", newline="") as lines:
        for row in csv.DictReader(lines, delimiter=separator):
            rows += 1
            sitters.add(row.get(column) or "")
            if rows > COUNTED:
                break
    return rows, len(sitters - {""})


def train_share(study: Study, dataset: str, fold: int | None) -> tuple[float, float]:
    """Return the shares of a data set's images that train, and that choose the epoch."""
    split = study.split[dataset]
    if split.kind == "like":
        split = study.split[split.dataset]
    if split.kind not in ("sitters", "images"):
        return 0.0, 0.0
    if fold is not None:
        return (split.folds - 2) / split.folds, 1 / split.folds
    return 1 - split.test - split.val, split.val
