"""The pair gallery: the pairs that each model gets most wrong, to be looked at."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from pipeline.reporting.album import Picture, StudyAlbum
from pipeline.store.benchmarks import Benchmark, HardPair
from pipeline.store.credits import UNKNOWN, Credit

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
    credit: Credit = UNKNOWN
    """What its source says of it."""

    @classmethod
    def of(cls, album: StudyAlbum, dataset: str, image_id: str, sitter: str | None = None) -> Side:
        """Return an image of a data set with its face; without `sitter`, it is the one of the data set."""
        who = album.sitter(dataset, image_id) if sitter is None else sitter
        return cls(image_id, who, album.crop(dataset, image_id), album.credit(dataset, image_id))


@dataclass(frozen=True)
class Pair:
    """A pair of images as the gallery shows it."""

    probe: Side
    gallery: Side
    score: float | None
    others: int
    """Other models among whose hardest pairs it is, too."""


@dataclass(frozen=True)
class Group:
    """Pairs of one sort, the hardest first."""

    title: str
    relation: str
    pairs: list[Pair]


def groups(benchmark: Benchmark, model: str, most: int, album: StudyAlbum) -> list[Group]:
    """Return the pairs of one model on one benchmark, `most` of each sort."""
    found = []
    shared = Counter(key for key, _ in {(_key(pair), pair.model) for pair in benchmark.pairs})
    for sort, (title, relation) in SORTS.items():
        hardest = sorted((p for p in benchmark.pairs if (p.model, p.sort) == (model, sort)), key=lambda p: p.rank)
        pairs = [_pair(benchmark, pair, shared[_key(pair)] - 1, album) for pair in hardest[:most]]
        if pairs:
            found.append(Group(title, relation, pairs))
    return found


def _key(pair: HardPair) -> tuple[str, frozenset[tuple[str, str]]]:
    """A pair, whichever of its images is the probe."""
    return pair.sort, frozenset(((pair.probe_dataset, pair.probe), (pair.gallery_dataset, pair.gallery)))


def _pair(benchmark: Benchmark, pair: HardPair, others: int, album: StudyAlbum) -> Pair:
    probe = Side.of(album, pair.probe_dataset or benchmark.probe, pair.probe)
    gallery = Side.of(album, pair.gallery_dataset or benchmark.gallery, pair.gallery)
    return Pair(probe, gallery, pair.score, others)
