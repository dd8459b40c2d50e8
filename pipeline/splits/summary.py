"""What became of a data set's images in a split: told in a few lines, and a table of its artists."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pipeline.splits.artists import Artists
from pipeline.splits.copies import Copies, Picture
from pipeline.store.splits import SUBSETS, UNIDENTIFIED, UNUSED, Seated

SHOWN = 5
Row = dict[str, str]


class Summary(NamedTuple):
    """What is told of a split."""

    artists: list[Row]
    """Rows of `artists.csv`."""
    messages: list[tuple[int, str]]
    """Level, as `logging` has it, and text."""


def summarise(
    rows: Sequence[Seated], pairs: Sequence[Row], copies: Copies, artists_of: Artists, how: str, listed: Path
) -> Summary:
    """Return what stands where, and what will be missed.

    Args:
        rows: of `split.csv`.
        pairs: that the data set comes with.
        copies: the images that show the same picture, which the file `listed` holds.
        artists_of: the artists of each image; nothing where artists are ignored.
        how: the way in which artists are kept apart.
        listed: for the message.
    """
    artists = _by_artist(rows, artists_of)
    messages = []
    if artists_of:
        unknown = sum(row.subset != UNIDENTIFIED and row.image_id not in artists_of for row in rows)
        left = sum(row.subset == UNUSED for row in rows if row.image_id in artists_of)
        several = sum(artist["sitters"] != "1" for artist in artists)
        told = (
            f"{len(artists)} artists, each on one side (artists: {how}), {several} of them of several sitters; "
            f"{left} of their images unused; {unknown} images without a known artist tie nobody"
        )
        messages.append((logging.INFO, told))
    images: dict[str, Counter[str]] = {s: Counter() for s in ("train", "val", "test", UNUSED, UNIDENTIFIED)}
    for row in rows:
        images[row.subset][row.sitter] += 1
    for subset, sitters in images.items():
        alone = sorted(name for name, n in sitters.items() if n == 1)
        if alone and subset in SUBSETS and not pairs:
            none = "none has a second, so that there are no genuine pairs"
            what = none if len(alone) == len(sitters) else "they give no genuine pairs"
            names = ", ".join(alone[:SHOWN]) + (" …" if len(alone) > SHOWN else "")
            told = f"{len(alone)} of {len(sitters)} {subset} sitters have one image: {what}. "
            messages.append((logging.WARNING, f"{told}Add images of them where you can: {names}"))
    if copies.pictures:
        told = _of_copies(copies.pictures, stay=bool(pairs))
        messages.append((logging.WARNING, f"{told}; look at {listed}"))
    parts = [f"{s} {len(n)} sitters, {n.total()} images" for s, n in images.items() if n and s in SUBSETS]
    parts += [f"{images[UNUSED].total()} images unused"] if images[UNUSED] else []
    if images[UNIDENTIFIED]:
        number = images[UNIDENTIFIED].total()
        parts.append(f"{number} portraits of unidentified sitters, in no training and no benchmark")
    parts += [f"{len(pairs)} pairs, {sum(p['genuine'] == '1' for p in pairs)} genuine"] if pairs else []
    return Summary(artists, [*messages, (logging.INFO, "; ".join(parts))])


def _by_artist(rows: Sequence[Seated], artists_of: Artists) -> list[Row]:
    """A row for each artist: sitters, images, the side they stand on, images left out."""
    images_of: dict[str, list[Seated]] = defaultdict(list)
    for row in rows:
        for artist in artists_of.get(row.image_id, ()):
            images_of[artist].append(row)
    found = []
    for name, own in sorted(images_of.items()):
        sides = {row.subset for row in own} & set(SUBSETS)
        unused = sum(row.subset == UNUSED for row in own)
        numbers = {"sitters": len({row.sitter for row in own}), "images": len(own), "unused": unused}
        found.append({"artist": name, "subset": " ".join(sorted(sides))} | {k: str(v) for k, v in numbers.items()})
    return found


def _of_copies(pictures: Sequence[Picture], stay: bool) -> str:
    """Say how many pictures several images show, and what becomes of them.

    Args:
        pictures: at least one.
        stay: copies of one sitter stay in use, since the pairs of the data set are given.
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
            "nothing is measured or learned of such a pair"
        )
    if placeholders:
        images = sum(len(picture.images) for picture in placeholders)
        most = max(len(picture.sitters) for picture in placeholders)
        parts.append(
            f"{images} images show {len(placeholders)} pictures that stand under up to {most} sitters' names"
            + ("" if stay else " and so show nobody: they stay unused")
        )
    return "; ".join(parts)
