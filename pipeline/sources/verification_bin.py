"""Kind `verification-bin`: a verification set as InsightFace ships them (`lfw.bin`, `cfp_fp.bin`, `agedb_30.bin` …).

The file is a pickle of 2N encoded images and N booleans: pair i is images 2i and 2i + 1. Its images are kept, as
delivered, in one RecordIO file, each once even if it occurs several times in the set. The manifest's column `pairs`
tells in which pairs an image occurs; `split` (kind `pairs`) lists the pairs from it. `7a+` is the first image of pair
7, which is genuine; `7b-` would be the second image of an impostor pair.

Sitters are not named. Images that genuine pairs join, directly or through others, have one sitter, named after the
first of them. Two such sitters may be one person, so only the listed pairs say anything.
"""

from __future__ import annotations

import pickle
from collections import defaultdict
from collections.abc import Sequence
from hashlib import sha256 as digest
from pathlib import Path
from typing import Any

from pipeline.core.errors import SitterError
from pipeline.core.files import atomic_file
from pipeline.formats.recordio import RecordFile, pack, write_records
from pipeline.formats.unpickle import unpickle
from pipeline.params.sources.verification_bin import VerificationBinOptions
from pipeline.sources.image_files import Row
from pipeline.sources.local import own_file

IMAGES = "images.rec"


def fetch(folder: Path, entry: str, options: VerificationBinOptions) -> list[Row]:
    """Take a verification set with its pairs, as InsightFace ships them: `lfw.bin` and the like.

    Args:
        folder: the folder for its images.
        entry: name of the entry.
        options: the options of the entry.

    Returns:
        Rows of the manifest, with the column `pairs`.

    Raises:
        SitterError: the file is no such set, or holds anything except images and booleans.
    """
    source, _ = own_file(entry, options.path, options.url, options.sha256)
    images, same = read_bin(source)
    first: dict[str, int] = {}
    hashes = [digest(image).hexdigest() for image in images]
    for i, key in enumerate(hashes):
        first.setdefault(key, i)
    write_records(folder / IMAGES, ((i, pack((float(i),), images[i], i)) for i in first.values()))
    where = RecordFile(folder / IMAGES).offsets()
    standing: dict[int, list[str]] = defaultdict(list)
    for i, key in enumerate(hashes):
        standing[first[key]].append(f"{i // 2}{'ab'[i % 2]}{'+' if same[i // 2] else '-'}")
    sitters = _sitters([first[key] for key in hashes], same)
    rows = []
    for (key, i), offset in zip(first.items(), where, strict=True):
        row = {"image_id": str(i), "path": f"{IMAGES}/{offset}", "sitter": f"unnamed-{sitters[i]}", "sha256": key}
        rows.append(row | {"pairs": " ".join(standing[i])} | ({"licence": options.licence} if options.licence else {}))
    return rows


def _sitters(images: Sequence[int], same: Sequence[bool]) -> dict[int, int]:
    """Return, for each image, the first image that genuine pairs join with it, directly or through others."""
    root = {i: i for i in images}

    def find(i: int) -> int:
        while root[i] != i:
            root[i] = i = root[root[i]]
        return i

    for pair, genuine in enumerate(same):
        if genuine:
            low, high = sorted((find(images[2 * pair]), find(images[2 * pair + 1])))
            root[high] = low
    return {i: find(i) for i in root}


def read_bin(path: Path) -> tuple[list[bytes], list[bool]]:
    """Return the 2N encoded images of a verification set, and whether each of its N pairs is genuine.

    Raises:
        SitterError: the file is no such set, or holds anything except images and booleans.
    """
    content = unpickle(path)
    if not isinstance(content, tuple | list) or len(content) != 2:
        raise SitterError(f"{path} holds {_what(content)}, not images and booleans: is it a verification set?")
    images, same = content
    same = list(same) if isinstance(same, bytes) else same  # an array of bytes: 0 and 1
    for values, what, kinds in ((images, "images", (bytes,)), (same, "booleans", (bool, int, float))):
        if not isinstance(values, tuple | list):
            raise SitterError(f"{path} holds {_what(values)} in place of its {what}: is it a verification set?")
        for i, value in enumerate(values):
            if not isinstance(value, kinds) or (what == "booleans" and value not in (0, 1)):
                raise SitterError(f"{path}: number {i} of its {what}, counted from 0, is {_what(value)}.")
    if len(images) % 2:
        raise SitterError(
            f"{path} holds an odd number of images, {len(images)}, but pair i is images 2i and 2i + 1: it is cut off, "
            "or no verification set. Fetch it again."
        )
    if not images or len(images) != 2 * len(same):
        raise SitterError(
            f"{path} holds {len(images)} images and {len(same)} booleans, but should have one boolean for each two "
            "images: fetch it again."
        )
    return list(images), [bool(value) for value in same]


def _what(value: Any) -> str:
    return f"{value}" if isinstance(value, bool | int | float) else f"a {type(value).__name__}"


def write_bin(path: Path, images: Sequence[bytes], same: Sequence[bool], protocol: int = 4) -> None:
    """Write a verification set as InsightFace's `lfw2pack.py` writes it.

    Args:
        path: the `.bin`.
        images: 2N encoded images: pair i is 2i and 2i + 1.
        same: whether each of the N pairs is genuine.
        protocol: the protocol of the pickle.

    Raises:
        SitterError: the numbers of images and pairs do not fit.
    """
    if not same or len(images) != 2 * len(same):
        raise SitterError(f"{path}: {len(images)} images for {len(same)} pairs, which need two each.")
    with atomic_file(path) as part, open(part, "wb") as file:
        pickle.dump((list(images), list(same)), file, protocol=protocol)
