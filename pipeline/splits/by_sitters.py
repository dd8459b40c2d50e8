"""Sitters dealt to train, val and test by lot; sitters who are tied to each other stand on one side.

A model that reads the same painter as the same sitter must not gain by it. So either sitters who share an artist,
directly or through others, are dealt together; or sitters are dealt as ever, and an artist's images stay where most of
them are, while the others are unused. Images without a known artist tie nobody.
"""

from __future__ import annotations

import hashlib
import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from pipeline.core.errors import SitterError
from pipeline.splits.artists import Artists
from pipeline.splits.seats import NO_SEAT, Seat
from pipeline.store.accounts import AccountedImage
from pipeline.store.splits import SUBSETS, UNUSED, Seated

if TYPE_CHECKING:
    from pipeline.params.split import BySitter

logger = logging.getLogger(__name__)

Pairs = Sequence[tuple[str, str]]
"""Pairs of sitters who stand on one side."""


def deal_sitters(
    images: Sequence[AccountedImage], entry: BySitter, ties: Pairs, artists_of: Artists, seed: int, dataset: str
) -> list[Seat]:
    """Return a seat for each image: its sitter's. Sitters are dealt in the order of a hash of seed and name.

    So a sitter's seat depends neither on the number of images nor on the order of the files, and where sitters are
    added only those near a border move. Shares are of sitters, rounded; groups of more than one may shift them.

    Args:
        images: of the data set; unidentified ones get no seat.
        entry: shares, folds, and whether sitters who share an artist are dealt together.
        ties: sitters who are together for other reasons.
        artists_of: the artists of each image.
        seed: of the lots.
        dataset: for messages.

    Raises:
        SitterError: a subset that was asked for has fewer than two sitters.
    """
    sitters = {image.sitter for image in images} - {""}
    groups = _together(sitters, [*ties, *(_ties_of_artists(images, artists_of) if entry.artists == "join" else ())])
    if entry.artists == "join":
        size = max(map(len, groups))
        logger.info(
            f"{dataset}: shared artists tie {len(sitters)} sitters into {len(groups)} groups, the largest of {size}"
        )
    total = len(sitters)
    borders = [0, _rounded(entry.test * total), _rounded((entry.test + entry.val) * total), total]
    room = dict(zip(SUBSETS, (b - a for a, b in pairwise(borders)), strict=True))
    filled: dict[str, Counter[int]] = {s: Counter(dict.fromkeys(range(entry.folds), 0)) for s in SUBSETS}
    seats: dict[str, Seat] = {}
    for group in sorted(groups, key=lambda g: min(_lot(seed, name) for name in g)):
        subset = next((s for s in SUBSETS if room[s] >= len(group)), max(SUBSETS, key=lambda s: room[s]))
        fold = min(filled[subset], key=lambda k: (filled[subset][k], k))
        room[subset] -= len(group)
        filled[subset][fold] += len(group)
        seats |= dict.fromkeys(group, Seat(subset, fold))
    _check_shares(seats, entry, groups, dataset)
    return [seats.get(image.sitter, NO_SEAT) for image in images]


def keep_artists_apart(
    rows: Sequence[Seated], entry: BySitter, ties: Pairs, artists_of: Artists, seed: int, dataset: str
) -> None:
    """Keep each artist on the side where most of their images are (of equals test, then val), and there in one fold.

    Their other images are unused. An image of several artists stays only where all of them do. Rows are changed in
    place; the other arguments are those of `deal_sitters`.

    Raises:
        SitterError: a side that was asked for is left with fewer than two sitters.
    """
    sides: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        if row.subset in SUBSETS:
            for artist in artists_of.get(row.image_id, ()):
                sides[artist][row.subset] += 1
    own = {artist: max(SUBSETS, key=count.__getitem__) for artist, count in sides.items()}
    for row in rows:
        if row.subset in SUBSETS and any(own[a] != row.subset for a in artists_of.get(row.image_id, ())):
            row.subset = UNUSED
    for subset, share in zip(SUBSETS, (entry.test, entry.val, 1 - entry.test - entry.val), strict=True):
        left = {row.sitter for row in rows if row.subset == subset}
        if share > 1e-9 and len(left) < 2:
            raise SitterError(
                f"split.{dataset}: with each artist on one side, {subset} is left with {len(left)} sitters, and "
                "impostor pairs need 2: set `artists: join`, change the shares or the seed, or add other artists."
            )
    _deal_folds(rows, ties, artists_of, entry.folds, seed)


def _ties_of_artists(images: Iterable[AccountedImage | Seated], artists_of: Artists) -> Pairs:
    """Return pairs of sitters that tie together all sitters of each artist."""
    sitters: dict[str, set[str]] = defaultdict(set)
    for image in images:
        for artist in artists_of.get(image.image_id, ()):
            sitters[artist].add(image.sitter)
    return [pair for _, names in sorted(sitters.items()) for pair in pairwise(sorted(names))]


def _together(sitters: Iterable[str], pairs: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Sitters in groups, joined by the pairs, directly or through others."""
    group = {name: [name] for name in sorted(sitters)}
    for a, b in pairs:
        if group[a] is not group[b]:
            group[a] += group[b]
            for name in group[b]:
                group[name] = group[a]
    return list({id(g): g for g in group.values()}.values())


def _deal_folds(rows: Sequence[Seated], ties: Pairs, artists_of: Artists, folds: int, seed: int) -> None:
    """Deal the folds anew within each subset, so that no artist stands in two; rows are changed in place."""
    for subset in SUBSETS:
        here = [row for row in rows if row.subset == subset]
        sitters = {row.sitter for row in here}
        own = [pair for pair in ties if sitters.issuperset(pair)]
        groups = _together(sitters, [*own, *_ties_of_artists(here, artists_of)])
        filled = Counter(dict.fromkeys(range(folds), 0))
        fold_of: dict[str, int] = {}
        for names in sorted(groups, key=lambda g: min(_lot(seed, name) for name in g)):
            fold = min(filled, key=lambda k: (filled[k], k))
            filled[fold] += len(names)
            fold_of |= dict.fromkeys(names, fold)
        for row in rows:
            row.fold = fold_of.get(row.sitter, row.fold)


def _rounded(number: float) -> int:
    return int(number + 0.5 + 1e-9)


def _lot(seed: int, sitter: str) -> bytes:
    return hashlib.sha256(f"{seed}\0{sitter}".encode()).digest()


def _check_shares(seats: Mapping[str, Seat], entry: BySitter, groups: Sequence[Sequence[str]], dataset: str) -> None:
    """Raise SitterError where a subset that was asked for has fewer than two sitters, and so no impostor pairs."""
    count = Counter(seat.subset for seat in seats.values())
    shares = {"test": entry.test, "val": entry.val, "train": 1 - entry.test - entry.val}
    for subset, share in shares.items():
        if share > 1e-9 and count[subset] < 2:
            joined = sum(len(g) for g in groups if len(g) > 1)
            ties = "near-duplicates, names" + (" and shared artists" if entry.artists == "join" else "")
            why = f" ({joined} are kept together, the largest group {max(map(len, groups))}: {ties})" if joined else ""
            raise SitterError(
                f"split.{dataset}: {len(seats)} sitters{why} are too few: the share of {subset}, {share:.3g}, comes to "
                f"{count[subset]} of them, and impostor pairs need 2. Change the shares, or add sitters"
                + (", or set `artists: drop`." if entry.artists == "join" else ".")
            )
