"""What test sets share with training sets, as `overlap` found it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.reporting.album import Album, spread
from pipeline.reporting.gallery import Side
from pipeline.reporting.numbers import NONE, count, decimal, number
from pipeline.reporting.read import Row
from pipeline.store.overlaps import find_summary, read_shared_images, read_shared_sitters

if TYPE_CHECKING:
    from pipeline.params import Study
    from pipeline.plan.layout import Layout

SHOWN = 12
"""Near-duplicate pictures that are shown; `images.csv` has them all."""
LISTED = 200
"""Shared sitters that are listed; `sitters.csv` has them all."""


@dataclass(frozen=True)
class Shared:
    """One entry under `overlap`."""

    name: str
    train: str
    test: str
    facts: list[str]
    """Cells of the table: images and sitters of both sides, what they share, what is left out."""
    sitters: list[Row]
    more: int
    """Shared sitters beyond those that are listed."""
    copies: list[tuple[Side, Side, str]]
    """Test image, training image, correlation."""


COLUMNS = ["test images", "near-duplicates of training images", "test sitters", "training sitters",
           "shared by name", "shared by embedding", "expected by chance", "images left out"]  # fmt: skip


def overlaps(study: Study, album: Album) -> list[Shared]:
    """Every entry whose stage has run, in the study's order."""
    found = ((name, find_summary(name, album.at)) for name in study.overlap)
    return [_shared(study, name, summary, album) for name, summary in found if summary]


def _shared(study: Study, name: str, summary: dict[str, Any], album: Album) -> Shared:
    entry = study.overlap[name]
    sitters, images = read_shared_sitters(name, album.at), read_shared_images(name, album.at)
    chance = number(summary["by_chance"])
    facts = [
        count(summary["test"]["images"]), count(summary["near_duplicates"]), count(summary["test"]["sitters"]),
        count(summary["train"]["sitters"]), count(summary["sitters_by_name"]), count(summary["sitters_by_embedding"]),
        NONE if chance is None else f"{chance:.1f}", count(summary["excluded"]),
    ]  # fmt: skip
    copies = [
        (
            Side.of(album, entry.test, r["test"], r["test_sitter"]),
            Side.of(album, r["train_dataset"], r["train"], r["train_sitter"]),
            decimal(number(r["similarity"])),
        )
        for r in spread(images, SHOWN)
    ]
    return Shared(
        name, ", ".join(entry.train), entry.test, facts, sitters[:LISTED], max(0, len(sitters) - LISTED), copies
    )


def lines(study: Study, at: Layout) -> list[str]:
    """The same for the terminal: a sentence for each entry."""
    found = []
    for name, entry in study.overlap.items():
        if s := find_summary(name, at):
            alike = s["sitters_by_embedding"]
            found.append(
                f"overlap of {entry.test} with {', '.join(entry.train)}: {s['near_duplicates']} of "
                f"{s['test']['images']:,} images; of {s['test']['sitters']:,} sitters {s['sitters_by_name']} by name"
                + (f", {alike} by embedding" if alike is not None else "")
                + f"; {s['excluded']} images left out"
            )
    return found
