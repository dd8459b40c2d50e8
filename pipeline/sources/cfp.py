"""Kind `cfp`: Celebrities in Frontal-Profile as its authors publish it, with its protocol folders.

Sengupta et al.: Frontal to Profile Face Verification in the Wild, WACV 2016.
"""

from __future__ import annotations

import posixpath
from pathlib import Path, PurePosixPath

from pipeline.core.errors import SitterError
from pipeline.params.sources.cfp import CFPOptions
from pipeline.sources.local import own_path
from pipeline.sources.pair_images import PublishedPair, copied
from pipeline.store.raw import RawImage

PROTOCOL = "Protocol"
LISTS = {"F": "Pair_list_F.txt", "P": "Pair_list_P.txt"}


def fetch(folder: Path, entry: str, options: CFPOptions) -> list[RawImage]:
    """Copy the images of one of the two protocols of Celebrities in Frontal-Profile, as published.

    Args:
        folder: the folder for the images.
        entry: name of the entry.
        options: the options of the entry.

    Returns:
        The images, with their places in the pairs.

    Raises:
        SitterError: the protocol's files are absent or have another form, or an image is missing.
    """
    root = own_path(entry, options.path)
    listed = read_protocol(root, options.protocol)
    # Data/Images/001/frontal/01.jpg: the person is the third part from the end.
    return copied(folder, entry, root, listed, lambda image: PurePosixPath(image).parts[-3], options.licence)


def read_protocol(root: Path, protocol: str) -> list[PublishedPair]:
    """Return the pairs of a protocol, FF or FP, fold by fold, with genuine pairs first in each.

    Raises:
        SitterError: a file is absent, a line has another form, or a number is in no list.
    """
    lists = {kind: _images(root, LISTS[kind]) for kind in dict.fromkeys(protocol)}
    split = root / PROTOCOL / "Split" / protocol
    folds = sorted(found.name for found in split.iterdir() if found.is_dir()) if split.is_dir() else []
    if not folds:
        raise SitterError(f"{split} holds no folds 01, 02, …: name CFP's unpacked folder, which has {PROTOCOL} in it.")
    pairs = []
    for fold in folds:
        for name, genuine in (("same.txt", True), ("diff.txt", False)):
            file = split / fold / name
            for number, line in _lines(file):
                ends = [word.strip() for word in line.split(",")]
                if len(ends) != 2 or not all(word.isdigit() for word in ends):
                    raise SitterError(f"{file}, line {number}: found {line!r}; expected two numbers, as '17,42'.")
                one, other = (
                    lists[kind].get(int(end)) for kind, end in zip(protocol, ends, strict=True)
                )  # the first letter names the list of the first image
                if one is None or other is None:
                    absent, kind = (ends[0], protocol[0]) if one is None else (ends[1], protocol[1])
                    raise SitterError(f"{file}, line {number}: image {absent} does not stand in {LISTS[kind]}.")
                pairs.append(PublishedPair(one, other, genuine))
    return pairs


def _images(root: Path, name: str) -> dict[int, str]:
    """Return paths below the root by the numbers that a list gives them."""
    file = root / PROTOCOL / name
    found = {}
    for number, line in _lines(file):
        word, _, path = line.partition(" ")
        image = posixpath.normpath(posixpath.join(PROTOCOL, path.strip()))
        if not word.isdigit() or len(PurePosixPath(image).parts) < 3:
            raise SitterError(
                f"{file}, line {number}: found {line!r}; expected a number and the path of an image, as "
                "'1 ../Data/Images/001/frontal/01.jpg'."
            )
        found[int(word)] = image
    return found


def _lines(file: Path) -> list[tuple[int, str]]:
    """Return the lines that are not empty, with their numbers, and with single spaces for blanks."""
    if not file.is_file():
        raise SitterError(f"{file} does not exist: name CFP's unpacked folder, which has {PROTOCOL} in it.")
    lines = enumerate(file.read_text("utf-8").splitlines(), 1)
    return [(number, " ".join(line.split())) for number, line in lines if line.strip()]
