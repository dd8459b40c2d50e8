"""The pair gallery: pictures of the pairs with each model's largest errors."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from pipeline.reporting.album import EmbeddedPicture, StudyAlbum
from pipeline.store.benchmarks import Benchmark, HardPair
from pipeline.store.credits import UNKNOWN, Credit

SORTS = {
    "hardest_genuine": ("Same sitter, scored lowest", "same sitter"),
    "hardest_impostor": ("Different sitters, scored highest", "different sitters"),
}


@dataclass(frozen=True)
class PairImage:
    """One image of a pair."""

    image_id: str
    sitter: str
    picture: EmbeddedPicture | None
    credit: Credit = UNKNOWN
    """Caption and link from the image's source."""

    @classmethod
    def of(cls, album: StudyAlbum, dataset: str, image_id: str, sitter: str | None = None) -> PairImage:
        """Return an image with its face; without `sitter`, the sitter is taken from the data set."""
        who = album.sitter(dataset, image_id) if sitter is None else sitter
        return cls(image_id, who, album.crop(dataset, image_id), album.credit(dataset, image_id))


@dataclass(frozen=True)
class GalleryPair:
    """A pair of images as the gallery shows it."""

    probe: PairImage
    gallery: PairImage
    score: float | None
    others: int
    """Number of other models that have this pair among their hardest pairs."""


@dataclass(frozen=True)
class Group:
    """Pairs of one sort with the hardest first."""

    title: str
    relation: str
    pairs: list[GalleryPair]


def groups(benchmark: Benchmark, model: str, most: int, album: StudyAlbum) -> list[Group]:
    """Return the hardest pairs of one model on one benchmark, at most `most` of each sort."""
    found = []
    shared = Counter(key for key, _ in {(_key(pair), pair.model) for pair in benchmark.pairs})
    for sort, (title, relation) in SORTS.items():
        hardest = sorted((p for p in benchmark.pairs if (p.model, p.sort) == (model, sort)), key=lambda p: p.rank)
        pairs = [_pair(benchmark, pair, shared[_key(pair)] - 1, album) for pair in hardest[:most]]
        if pairs:
            found.append(Group(title, relation, pairs))
    return found


def _key(pair: HardPair) -> tuple[str, frozenset[tuple[str, str]]]:
    """Return a key that is equal for both orders of a pair (either image may be the probe)."""
    return pair.sort, frozenset(((pair.probe_dataset, pair.probe), (pair.gallery_dataset, pair.gallery)))


def _pair(benchmark: Benchmark, pair: HardPair, others: int, album: StudyAlbum) -> GalleryPair:
    probe = PairImage.of(album, pair.probe_dataset or benchmark.probe, pair.probe)
    gallery = PairImage.of(album, pair.gallery_dataset or benchmark.gallery, pair.gallery)
    return GalleryPair(probe, gallery, pair.score, others)
