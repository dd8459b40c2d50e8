"""The overlap of test sets with training sets, found by the stage `overlap`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.params.overlap import Overlap
from pipeline.reporting.album import StudyAlbum, spread
from pipeline.reporting.pair_gallery import PairImage
from pipeline.store.overlaps import FoundOverlap, SharedSitter

SHOWN = 12
"""Largest number of near-duplicate pictures that are shown; `images.csv` has them all."""
LISTED = 200
"""Largest number of shared sitters that are listed; `sitters.csv` has them all."""
COLUMNS = ["test images", "near-duplicates of training images", "test sitters", "training sitters",
           "shared by name", "shared by embedding", "expected by chance", "images left out"]  # fmt: skip
Overlaps = Mapping[str, tuple[Overlap, FoundOverlap]]
"""By entry under `overlap`, its options and its results."""


@dataclass(frozen=True)
class Shared:
    """One entry under `overlap`."""

    name: str
    train: str
    test: str
    counts: list[int | None]
    """Counts in the order of `COLUMNS`, without the number that is expected by chance."""
    chance: float | None
    sitters: list[SharedSitter]
    more: int
    """Number of shared sitters that are not listed."""
    copies: list[tuple[PairImage, PairImage, float | None]]
    """Test image, training image, and their correlation."""


def overlaps(made: Overlaps, album: StudyAlbum) -> list[Shared]:
    """Return every entry with its pictures."""
    return [_shared(name, asked, found, album) for name, (asked, found) in made.items()]


def _shared(name: str, asked: Overlap, found: FoundOverlap, album: StudyAlbum) -> Shared:
    told = found.summary
    counts = [told.test.images, told.near_duplicates, told.test.sitters, told.train.sitters,
              told.sitters_by_name, told.sitters_by_embedding, told.excluded]  # fmt: skip
    copies = [
        (
            PairImage.of(album, asked.test, image.test, image.test_sitter),
            PairImage.of(album, image.train_dataset, image.train, image.train_sitter),
            image.similarity,
        )
        for image in spread(found.images, SHOWN)
    ]
    more = max(0, len(found.sitters) - LISTED)
    return Shared(
        name, ", ".join(asked.train), asked.test, counts, told.by_chance, found.sitters[:LISTED], more, copies
    )


def lines(made: Overlaps) -> list[str]:
    """Return a sentence for each entry, for the terminal."""
    sentences = []
    for entry, found in made.values():
        told = found.summary
        test, alike = told.test, told.sitters_by_embedding
        sentences.append(
            f"overlap of {entry.test} with {', '.join(entry.train)}: {told.near_duplicates} of "
            f"{test.images:,} images; of {test.sitters:,} sitters {told.sitters_by_name} by name"
            + (f", {alike} by embedding" if alike is not None else "")
            + f"; {told.excluded} images left out"
        )
    return sentences
