"""Artists in a split by sitters: a model that reads the same painter as the same sitter must not gain by it.

Either sitters who share an artist, directly or through others, are dealt together; or sitters are dealt as ever, and an
artist's images stay where most of them are, while the others are unused. Images whose artist is not known tie nobody.
An image may have several artists, in one cell with `|`, `;`, `/`, `&`, the word and, or a line break between them.
"""

from __future__ import annotations

import logging
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from pipeline.core.errors import SitterError
from pipeline.core.names import same
from pipeline.core.nobody import is_helper
from pipeline.store.splits import UNUSED

if TYPE_CHECKING:
    from pipeline.params.split import BySitter

logger = logging.getLogger(__name__)

Row = dict[str, str]
SUBSETS = ("test", "val", "train")
COLUMNS = ["artist", "sitters", "images", "subset", "unused"]
Artists = Mapping[str, tuple[str, ...]]
"""The artists of each image, by image id."""
# Not the comma, which parts surname and first name.
BETWEEN = re.compile(r"\s*[|;\n&]\s*|\s+/\s+|\s+and\s+", re.IGNORECASE)


def several(cell: str) -> list[str]:
    """The artists that a cell names, without workshops and the like beside another name.

    >>> several("Rembrandt|Jan Lievens"), several("Hals, Frans"), several("Rubens and workshop")
    (['Rembrandt', 'Jan Lievens'], ['Hals, Frans'], ['Rubens'])
    """
    names = [name for name in BETWEEN.split(cell.strip()) if name]
    return [name for name in names if not is_helper(name)] or names


def artists(
    faces: Iterable[Mapping[str, str]], is_nobody: Callable[[str], bool], dataset: str
) -> dict[str, tuple[str, ...]]:
    """The artists of each image, by image id; without images none of whose artists is known.

    Raises:
        SitterError: the data set does not say who painted its images.
    """
    found: dict[str, tuple[str, ...]] = {}
    of: dict[str, tuple[str, ...]] = {}
    for face in faces:
        if "artist" not in face:
            raise SitterError(
                f"split.{dataset}.artists needs to know who painted what, but data/faces/{dataset}/faces.csv has no "
                f"column artist: add it to the CSV that download.{dataset} reads (or name it by `columns: {{artist: "
                "NAME}`), or set `artists: ignore`."
            )
        cell = face["artist"] or ""
        if cell not in of:
            of[cell] = tuple(dict.fromkeys(same(name) for name in several(cell) if not is_nobody(name)))
        if of[cell]:
            found[face["image_id"]] = of[cell]
    if not found:
        raise SitterError(
            f"split.{dataset}.artists: no image of data/faces/{dataset}/faces.csv has a known artist: fill the column "
            "artist, or set `artists: ignore`."
        )
    return found


def shared(faces: Iterable[Mapping[str, str]], artists_of: Artists) -> list[tuple[str, str]]:
    """Pairs of sitters that tie together all whom an artist has painted."""
    sitters: dict[str, set[str]] = defaultdict(set)
    for face in faces:
        for artist in artists_of.get(face["image_id"], ()):
            sitters[artist].add(face["sitter"])
    return [pair for _, names in sorted(sitters.items()) for pair in pairwise(sorted(names))]


def leave_out(rows: Sequence[Row], artists_of: Artists, entry: BySitter, dataset: str) -> None:
    """Keep each artist on the side where most of their images are (of equals test, then val), the others unused.

    An image of several artists stays only where all of them do.

    Raises:
        SitterError: a side that was asked for is left with fewer than two sitters.
    """
    sides: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        if row["subset"] in SUBSETS:
            for artist in artists_of.get(row["image_id"], ()):
                sides[artist][row["subset"]] += 1
    own = {artist: max(SUBSETS, key=count.__getitem__) for artist, count in sides.items()}
    for row in rows:
        if row["subset"] in SUBSETS and any(own[a] != row["subset"] for a in artists_of.get(row["image_id"], ())):
            row["subset"] = UNUSED
    for subset, share in zip(SUBSETS, (entry.test, entry.val, 1 - entry.test - entry.val), strict=True):
        left = {row["sitter"] for row in rows if row["subset"] == subset}
        if share > 1e-9 and len(left) < 2:
            raise SitterError(
                f"split.{dataset}: with each artist on one side, {subset} is left with {len(left)} sitters, and "
                "impostor pairs need 2: set `artists: join`, change the shares or the seed, or add other artists."
            )


def fold_together(
    rows: Sequence[Row],
    artists_of: Artists,
    folds: int,
    lot: Callable[[str], bytes],
    group: Callable[[Iterable[str], Iterable[tuple[str, str]]], list[list[str]]],
    pairs: Sequence[tuple[str, str]],
) -> None:
    """Deal the folds anew within each subset, so that no artist stands in two.

    Args:
        rows: of the split, changed in place.
        artists_of: see `artists`.
        folds: how many.
        lot: the order in which a sitter is dealt.
        group: joins sitters by pairs.
        pairs: sitters who are together for other reasons.
    """
    for subset in SUBSETS:
        here = [row for row in rows if row["subset"] == subset]
        sitters = {row["sitter"] for row in here}
        kept = [pair for pair in pairs if sitters.issuperset(pair)]
        filled = Counter(dict.fromkeys(range(folds), 0))
        fold_of: dict[str, int] = {}
        for names in sorted(group(sitters, kept + shared(here, artists_of)), key=lambda g: min(map(lot, g))):
            fold = min(filled, key=lambda k: (filled[k], k))
            filled[fold] += len(names)
            fold_of |= dict.fromkeys(names, fold)
        for row in rows:
            if row["sitter"] in fold_of:
                row["fold"] = str(fold_of[row["sitter"]])


def account(rows: Sequence[Row], artists_of: Artists, how: str, dataset: str) -> list[Row]:
    """A row for each artist: sitters, images, the side they stand on, images left out. Says so in a line."""
    by_artist: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        for artist in artists_of.get(row["image_id"], ()):
            by_artist[artist].append(row)
    found = []
    for artist, own in sorted(by_artist.items()):
        sides = {row["subset"] for row in own} & set(SUBSETS)
        unused = sum(row["subset"] == UNUSED for row in own)
        numbers = {"sitters": len({row["sitter"] for row in own}), "images": len(own), "unused": unused}
        found.append({"artist": artist, "subset": " ".join(sorted(sides))} | {k: str(v) for k, v in numbers.items()})
    unknown = sum(row["image_id"] not in artists_of for row in rows)
    left = sum(row["subset"] == UNUSED for row in rows if row["image_id"] in artists_of)
    several = sum(artist["sitters"] != "1" for artist in found)
    logger.info(
        f"{dataset}: {len(found)} artists, each on one side (artists: {how}), {several} of them of several sitters; "
        f"{left} of their images unused; {unknown} images without a known artist tie nobody"
    )
    return found
