"""Kind `verification-bin`: a verification set as InsightFace ships them (`lfw.bin`, `cfp_fp.bin`, `agedb_30.bin` …).

The file is a pickle of 2N encoded images and N booleans: pair i is images 2i and 2i + 1. Its images are kept, as
delivered, in one RecordIO file, each once even if it occurs several times in the set. The manifest's column `pairs`
tells in which pairs an image occurs; `split` (kind `pairs`) lists the pairs from it. `7a+` is the first image of pair
7, which is genuine; `7b-` would be the second image of an impostor pair.

Sitters are not named. Images that genuine pairs join, directly or through others, have one sitter, named after the
first of them. Two such sitters may be one person, so only the listed pairs say anything.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from hashlib import sha256 as digest
from pathlib import Path

from pipeline.formats.recordio import RecordFile, pack, write_records
from pipeline.formats.verification_bin import read_bin
from pipeline.params.sources.verification_bin import VerificationBinOptions
from pipeline.sources.local import own_file
from pipeline.store.columns import PairPlace, licence_column, pairs_column
from pipeline.store.raw import RawImage

IMAGES = "images.rec"


def fetch(folder: Path, entry: str, options: VerificationBinOptions) -> list[RawImage]:
    """Take a verification set with its pairs, as InsightFace ships them: `lfw.bin` and the like.

    Args:
        folder: the folder for its images.
        entry: name of the entry.
        options: the options of the entry.

    Returns:
        The images, with their places in the pairs.

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
    standing: dict[int, list[PairPlace]] = defaultdict(list)
    for i, key in enumerate(hashes):
        standing[first[key]].append(PairPlace(i // 2, "ab"[i % 2], same[i // 2]))
    sitters = _sitters([first[key] for key in hashes], same)
    licence = licence_column(options.licence)
    return [
        RawImage(str(i), f"{IMAGES}/{offset}", f"unnamed-{sitters[i]}", key, pairs_column(standing[i]) | licence)
        for (key, i), offset in zip(first.items(), where, strict=True)
    ]


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
