"""Artists in a split by sitters: a model that reads the same painter as the same sitter must not gain by it.

Either sitters who share an artist, directly or through others, are dealt together; or sitters are dealt as ever, and an
artist's images stay where most of them are, while the others are unused. Images whose artist is not known tie nobody.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from pipeline.errors import SitterError
from pipeline.names import same

if TYPE_CHECKING:
    from pipeline.params.split import BySitter

Row = dict[str, str]
SUBSETS = ("test", "val", "train")
COLUMNS = ["artist", "sitters", "images", "subset", "unused"]


def artists(faces: Iterable[Mapping[str, str]], unknown: Iterable[str], dataset: str) -> dict[str, str]:
    """The artist of each image, by image id; without those that are not known.

    Raises:
        SitterError: the data set does not say who painted its images.
    """
    nobody = {"", *map(same, unknown)}
    found: dict[str, str] = {}
    for face in faces:
        if "artist" not in face:
            raise SitterError(
                f"split.{dataset}.artists needs to know who painted what, but data/faces/{dataset}/faces.csv has no "
                f"column artist: add it to the CSV that download.{dataset} reads (or name it by `columns: {{artist: "
                "NAME}`), or set `artists: ignore`."
            )
        if (artist := same(face["artist"] or "")) not in nobody:
            found[face["image_id"]] = artist
    if not found:
        raise SitterError(
            f"split.{dataset}.artists: no image of data/faces/{dataset}/faces.csv has a known artist: fill the column "
            "artist, or set `artists: ignore`."
        )
    return found


def shared(faces: Iterable[Mapping[str, str]], artist_of: Mapping[str, str]) -> list[tuple[str, str]]:
    """Pairs of sitters that tie together all whom an artist has painted."""
    sitters: dict[str, set[str]] = defaultdict(set)
    for face in faces:
        if face["image_id"] in artist_of:
            sitters[artist_of[face["image_id"]]].add(face["sitter"])
    return [pair for _, names in sorted(sitters.items()) for pair in pairwise(sorted(names))]


def leave_out(rows: Sequence[Row], artist_of: Mapping[str, str], entry: BySitter, dataset: str) -> None:
    """Keep each artist on the side where most of their images are (of equals test, then val), the others unused.

    Raises:
        SitterError: a side that was asked for is left with fewer than two sitters.
    """
    sides: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        if row["image_id"] in artist_of and row["subset"] in SUBSETS:
            sides[artist_of[row["image_id"]]][row["subset"]] += 1
    own = {artist: max(SUBSETS, key=count.__getitem__) for artist, count in sides.items()}
    for row in rows:
        artist = artist_of.get(row["image_id"])
        if artist is not None and row["subset"] in SUBSETS and row["subset"] != own[artist]:
            row["subset"] = "unused"
    for subset, share in zip(SUBSETS, (entry.test, entry.val, 1 - entry.test - entry.val), strict=True):
        left = {row["sitter"] for row in rows if row["subset"] == subset}
        if share > 1e-9 and len(left) < 2:
            raise SitterError(
                f"split.{dataset}: with each artist on one side, {subset} is left with {len(left)} sitters, and "
                "impostor pairs need 2: set `artists: join`, change the shares or the seed, or add other artists."
            )


def fold_together(
    rows: Sequence[Row],
    artist_of: Mapping[str, str],
    folds: int,
    lot: Callable[[str], bytes],
    group: Callable[[Iterable[str], Iterable[tuple[str, str]]], list[list[str]]],
    pairs: Sequence[tuple[str, str]],
) -> None:
    """Deal the folds anew within each subset, so that no artist stands in two.

    Args:
        rows: of the split, changed in place.
        artist_of: see `artists`.
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
        for names in sorted(group(sitters, kept + shared(here, artist_of)), key=lambda g: min(map(lot, g))):
            fold = min(filled, key=lambda k: (filled[k], k))
            filled[fold] += len(names)
            fold_of |= dict.fromkeys(names, fold)
        for row in rows:
            if row["sitter"] in fold_of:
                row["fold"] = str(fold_of[row["sitter"]])


def account(rows: Sequence[Row], artist_of: Mapping[str, str], how: str, dataset: str) -> list[Row]:
    """A row for each artist: sitters, images, the side they stand on, images left out. Says so in two lines."""
    by_artist: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row["image_id"] in artist_of:
            by_artist[artist_of[row["image_id"]]].append(row)
    found = []
    for artist, own in sorted(by_artist.items()):
        sides = {row["subset"] for row in own} & set(SUBSETS)
        unused = sum(row["subset"] == "unused" for row in own)
        numbers = {"sitters": len({row["sitter"] for row in own}), "images": len(own), "unused": unused}
        found.append({"artist": artist, "subset": " ".join(sorted(sides))} | {k: str(v) for k, v in numbers.items()})
    unknown = len(rows) - sum(map(len, by_artist.values()))
    left = sum(int(artist["unused"]) for artist in found)
    several = sum(artist["sitters"] != "1" for artist in found)
    print(
        f"{dataset}: {len(found)} artists, each on one side (artists: {how}), {several} of them of several sitters; "
        f"{left} of their images unused; {unknown} images without a known artist tie nobody"
    )
    return found
