"""Sitters dealt to train, val and test by lot, or seated where they stand in another data set."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from pipeline.core.errors import SitterError
from pipeline.core.names import warn_of_alike
from pipeline.plan.layout import HERE, Layout
from pipeline.splits.artists import SUBSETS
from pipeline.store.splits import UNIDENTIFIED, UNUSED, each_seated, split_file

if TYPE_CHECKING:
    from pipeline.params.split import BySitter

logger = logging.getLogger(__name__)

SHOWN = 5
Row = dict[str, str]


class Seat(NamedTuple):
    """Where a sitter stands."""

    subset: str
    fold: int


def together(sitters: Iterable[str], pairs: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Sitters in groups, joined by the pairs, directly or through others."""
    group = {name: [name] for name in sorted(sitters)}
    for a, b in pairs:
        if group[a] is not group[b]:
            group[a] += group[b]
            for name in group[b]:
                group[name] = group[a]
    return list({id(g): g for g in group.values()}.values())


def deal(groups: Sequence[Sequence[str]], entry: BySitter, seed: int, dataset: str) -> dict[str, Seat]:
    """A seat for each sitter, in the order of a hash of seed and name.

    So a sitter's seat hangs neither on the number of images nor on the order of the files, and where sitters are
    added only those near a border move. Shares are of sitters, rounded; groups of more than one may shift them.
    """
    total = sum(map(len, groups))
    borders = [0, _rounded(entry.test * total), _rounded((entry.test + entry.val) * total), total]
    room = dict(zip(SUBSETS, (b - a for a, b in pairwise(borders)), strict=True))
    filled: dict[str, Counter[int]] = {s: Counter(dict.fromkeys(range(entry.folds), 0)) for s in SUBSETS}
    seats: dict[str, Seat] = {}
    for group in sorted(groups, key=lambda g: min(lot(seed, name) for name in g)):
        subset = next((s for s in SUBSETS if room[s] >= len(group)), max(SUBSETS, key=lambda s: room[s]))
        fold = min(filled[subset], key=lambda k: (filled[subset][k], k))
        room[subset] -= len(group)
        filled[subset][fold] += len(group)
        seats |= dict.fromkeys(group, Seat(subset, fold))
    _check_shares(seats, entry, groups, dataset)
    return seats


def _rounded(number: float) -> int:
    return int(number + 0.5 + 1e-9)


def lot(seed: int, sitter: str) -> bytes:
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


def seats_of(other: str, names: set[str], dataset: str, by: str = "sitter", at: Layout = HERE) -> dict[str, Seat]:
    """The seats of another data set's sitters, or by `origin`, where it is split by images, of its images.

    Those that it does not hold are unused, with a warning.
    """
    table = split_file(other, at)
    seats: dict[str, Seat] = {}
    for row in each_seated(other, at):
        name = row.sitter if by == "sitter" else row.image_id
        if row.subset != UNIDENTIFIED and (row.subset != UNUSED or name not in seats):
            seats[name] = Seat(row.subset, row.fold)
    if by == "sitter":
        warn_of_alike(names, seats, dataset, other)
    strangers, what = sorted(names - seats.keys()), "sitters" if by == "sitter" else "photographs"
    if len(strangers) == len(names):
        raise SitterError(
            f"split.{dataset}: none of its {what} ({', '.join(strangers[:SHOWN])} …) stands in {table}: name the "
            "data set that they come from, or use `kind: sitters`."
        )
    if strangers:
        shown = ", ".join(strangers[:SHOWN]) + (" …" if len(strangers) > SHOWN else "")
        logger.warning(f"{len(strangers)} {what} of {dataset} are not in {table} and stay unused: {shown}")
    return seats | dict.fromkeys(strangers, Seat(UNUSED, 0))


def seated(faces: Iterable[Row], seat_of: Callable[[Row], Seat]) -> list[Row]:
    """A row of the split for each face. Of renderings of one photograph, near-duplicates, only the first is judged.

    Unidentified portraits have no seat.
    """
    rows = []
    for face in faces:
        own = {"image_id": face["image_id"], "sitter": face["sitter"], "origin": face.get("origin") or ""}
        if not face["sitter"]:
            rows.append(own | {"subset": UNIDENTIFIED, "fold": ""})
            continue
        subset, fold = seat_of(face)
        if subset != "train" and face.get("rendering") not in (None, "", "0"):
            subset = UNUSED
        rows.append(own | {"subset": subset, "fold": str(fold)})
    return rows


def leave_out_renderings(rows: Iterable[Row], other: str, at: Layout = HERE) -> None:
    """Leave out what renders an image that another data set's split leaves out."""
    unused = {row.image_id for row in each_seated(other, at) if row.subset == UNUSED}
    for row in rows:
        if row["origin"] in unused:
            row["subset"] = UNUSED
