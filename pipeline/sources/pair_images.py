"""Copies the images of a benchmark that is published as single files with lists of pairs."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from pipeline.core.errors import SitterError
from pipeline.core.progress import progress
from pipeline.sources.image_files import rows
from pipeline.store.columns import PairPlace, pairs_column
from pipeline.store.raw import RawImage


class PublishedPair(NamedTuple):
    """Two images of a benchmark, by their paths below its folder."""

    a: str
    b: str
    genuine: bool


def copied(
    folder: Path,
    entry: str,
    root: Path,
    pairs: Sequence[PublishedPair],
    sitter: Callable[[str], str],
    licence: str | None,
) -> list[RawImage]:
    """Copy the images that occur in pairs, each once, and return them with their places in the pairs.

    Args:
        folder: the folder for the images, with a folder for each sitter.
        entry: name of the entry.
        root: the folder of the benchmark.
        pairs: the pairs, in the order of their folds.
        sitter: returns the sitter of an image by its path below `root`.
        licence: terms of use.

    Returns:
        The images in natural order.

    Raises:
        SitterError: an image is missing, or would be outside of the folder.
    """
    standing: dict[str, list[PairPlace]] = defaultdict(list)
    for number, pair in enumerate(pairs):
        for side, image in (("a", pair.a), ("b", pair.b)):
            standing[image].append(PairPlace(number, side, pair.genuine))
    written: dict[str, str] = {}
    for image in progress(list(standing), f"copy {entry}"):
        source = root / image
        if PurePosixPath(image).is_absolute() or ".." in PurePosixPath(image).parts:
            raise SitterError(f"download.{entry}: a list of pairs names {image!r}, which leads out of {root}.")
        if not source.is_file():
            raise SitterError(
                f"download.{entry}: {source} is in a list of pairs, but it does not exist. Unpack the whole data set, "
                "and name the folder that holds it."
            )
        target = f"{sitter(image)}/{'-'.join(PurePosixPath(image).parts[-2:])}"
        if written.setdefault(target, image) != image:
            raise SitterError(f"download.{entry}: {image} and {written[target]} would both be kept as {target}.")
        (folder / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, folder / target)
    found = rows(folder, entry, written, licence)
    places = (pairs_column(standing[written[image.path]]) for image in found)
    return [image._replace(further={**image.further, **own}) for image, own in zip(found, places, strict=True)]
