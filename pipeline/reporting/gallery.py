"""The pair gallery: the pairs that each model gets most wrong, to be looked at."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from pipeline.reporting.album import UNKNOWN, Album, Known, Picture
from pipeline.reporting.numbers import decimal, number
from pipeline.reporting.read import Benchmark, Row

SORTS = {
    "hardest_genuine": ("Same sitter, scored lowest", "same sitter"),
    "hardest_impostor": ("Different sitters, scored highest", "different sitters"),
}


@dataclass(frozen=True)
class Side:
    """One image of a pair."""

    image_id: str
    sitter: str
    picture: Picture | None
    known: Known = UNKNOWN
    """What its source says of it."""

    @classmethod
    def of(cls, album: Album, dataset: str, image_id: str, sitter: str | None = None) -> Side:
        """Return an image of a data set; without `sitter`, it is the one of the data set."""
        who = album.sitter(dataset, image_id) if sitter is None else sitter
        return cls(image_id, who, album.crop(dataset, image_id), album.known(dataset, image_id))


@dataclass(frozen=True)
class Pair:
    """A pair of images as the gallery shows it."""

    probe: Side
    gallery: Side
    score: str
    others: int
    """Other models among whose hardest pairs it is, too."""


@dataclass(frozen=True)
class Group:
    """Pairs of one sort, the hardest first."""

    title: str
    relation: str
    pairs: list[Pair]


def groups(benchmark: Benchmark, model: str, most: int, album: Album) -> list[Group]:
    """The pairs of one model on one benchmark, `most` of each sort."""
    found = []
    shared = Counter(key for key, _ in {(_key(row), row["model"]) for row in benchmark.pairs})
    for sort, (title, relation) in SORTS.items():
        rows = [r for r in benchmark.pairs if r.get("model") == model and r.get("sort") == sort]
        rows.sort(key=lambda r: number(r.get("rank")) or 0)
        pairs = [_pair(benchmark, row, shared[_key(row)] - 1, album) for row in rows[:most]]
        if pairs:
            found.append(Group(title, relation, pairs))
    return found


def _key(row: Row) -> tuple[str, frozenset[tuple[str, str]]]:
    """A pair, whichever of its images is the probe."""
    sides = frozenset((row.get(f"{side}_dataset", ""), row.get(side, "")) for side in ("probe", "gallery"))
    return row.get("sort", ""), sides


def _pair(benchmark: Benchmark, row: Row, others: int, album: Album) -> Pair:
    sides = []
    for side, default in (("probe", benchmark.probe), ("gallery", benchmark.gallery)):
        dataset, image_id = row.get(f"{side}_dataset") or default, row.get(side, "")
        sides.append(Side.of(album, dataset, image_id))
    return Pair(sides[0], sides[1], decimal(number(row.get("score"))), others)
