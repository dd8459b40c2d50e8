"""The summary of a split: a few lines for the log."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence

from pipeline.splits.copies import CopiedPicture
from pipeline.store.splits import COPIES, SUBSETS, UNIDENTIFIED, UNUSED, Split

SHOWN = 5
Message = tuple[int, str]
"""Level (see `logging`) and text."""


def summarise(split: Split, pictures: Sequence[CopiedPicture], apart: str) -> list[Message]:
    """Return the numbers of images and sitters in each subset, and warnings about what is missing or unused.

    Args:
        split: the split of a data set.
        pictures: the pictures that several images show.
        apart: the way in which artists are kept apart.
    """
    messages: list[Message] = []
    if split.artists:
        artists, artists_of = split.artists, split.artists_of
        unknown = sum(row.subset != UNIDENTIFIED and row.image_id not in artists_of for row in split.images)
        left = sum(row.subset == UNUSED for row in split.images if row.image_id in artists_of)
        several = sum(artist.sitters > 1 for artist in artists)
        told = (
            f"{len(artists)} artists, each on one side (artists: {apart}), {several} of them of several sitters; "
            f"{left} of their images unused; {unknown} images without a known artist tie nobody"
        )
        messages.append((logging.INFO, told))
    images: dict[str, Counter[str]] = {s: Counter() for s in ("train", "val", "test", UNUSED, UNIDENTIFIED)}
    for row in split.images:
        images[row.subset][row.sitter] += 1
    for subset, sitters in images.items():
        alone = sorted(name for name, n in sitters.items() if n == 1)
        if alone and subset in SUBSETS and not split.pairs:
            none = "none has a second one, so there are no genuine pairs"
            what = none if len(alone) == len(sitters) else "they give no genuine pairs"
            names = ", ".join(alone[:SHOWN]) + (" …" if len(alone) > SHOWN else "")
            told = f"{len(alone)} of {len(sitters)} {subset} sitters have one image: {what}. "
            messages.append((logging.WARNING, f"{told}Add images of them where you can: {names}"))
    if pictures:
        told = _of_copies(pictures, stay=bool(split.pairs))
        messages.append((logging.WARNING, f"{told}; look at {split.folder / COPIES}"))
    parts = [f"{s} {len(n)} sitters, {n.total()} images" for s, n in images.items() if n and s in SUBSETS]
    parts += [f"{images[UNUSED].total()} images unused"] if images[UNUSED] else []
    if images[UNIDENTIFIED]:
        number = images[UNIDENTIFIED].total()
        parts.append(f"{number} portraits of unidentified sitters, in no training and no benchmark")
    if split.pairs:
        genuine = sum(pair.genuine for pair in split.pairs)
        parts.append(f"{len(split.pairs)} pairs, {genuine} genuine")
    return [*messages, (logging.INFO, "; ".join(parts))]


def _of_copies(pictures: Sequence[CopiedPicture], stay: bool) -> str:
    """Return a sentence on the pictures that several images show, and on the use of these images.

    Args:
        pictures: the pictures, at least one.
        stay: whether copies stay in use, because the data set comes with its pairs.
    """
    placeholders = [picture for picture in pictures if picture.is_placeholder]
    others = [picture for picture in pictures if not picture.is_placeholder]
    spare = sum(len(picture.images) - len(picture.sitters) for picture in others)
    shared = sum(len(picture.sitters) > 1 for picture in others)
    parts = []
    if spare:
        parts.append(
            f"{spare} images are copies of another image of the same sitter" + ("" if stay else " and stay unused")
        )
    if shared:
        parts.append(
            f"{shared} pictures stand under different sitters' names (near-duplicates): they are kept on one side, and "
            "such a pair is used neither in training nor in a benchmark"
        )
    if placeholders:
        images = sum(len(picture.images) for picture in placeholders)
        most = max(len(picture.sitters) for picture in placeholders)
        parts.append(
            f"{images} images show {len(placeholders)} pictures that stand under up to {most} sitters' names"
            + ("" if stay else " and so show nobody: they stay unused")
        )
    return "; ".join(parts)
