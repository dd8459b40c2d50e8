"""The pairs that a data set comes with, from the column `pairs` of its manifest, and their folds.

The column names the pairs in which an image stands: `7a+ 12b-` is the first image of pair 7, which is genuine, and the
second of pair 12, an impostor pair.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Sequence

from pipeline.core.errors import SitterError
from pipeline.splits.copies import Copies
from pipeline.splits.seats import NO_SEAT, Seat
from pipeline.store.accounts import ALIGNED, Account, AccountedImage

logger = logging.getLogger(__name__)

PLACE = re.compile(r"(\d{1,9})([ab])([+-])")
SHOWN = 3
Row = dict[str, str]


def seats_of_pairs(images: Sequence[AccountedImage], pairs: Sequence[Row], copies: Copies, dataset: str) -> list[Seat]:
    """Return a seat for each image: those that stand in a pair are tested on, in the fold of their first pair.

    Warns of pairs with one picture in both images; they stay, since the protocol wants them.
    """
    picture_of = {image_id: picture.images[0] for picture in copies.pictures for image_id in picture.images}
    alike = [row for row in pairs if len({picture_of.get(row[side], row[side]) for side in ("image_a", "image_b")}) < 2]
    if alike:
        genuine = sum(row["genuine"] == "1" for row in alike)
        shown = ", ".join(f"{row['image_a']} and {row['image_b']}" for row in alike[:SHOWN])
        logger.warning(
            f"{dataset}: in {genuine} genuine and {len(alike) - genuine} impostor pairs of {len(pairs)} both "
            f"images are the same picture ({shown}{' …' if len(alike) > SHOWN else ''}). They count, as the protocol "
            "wants it."
        )
    seats: dict[str, Seat] = {}
    for row in pairs:
        for side in ("image_a", "image_b"):
            seats.setdefault(row[side], Seat("test", int(row["fold"])))
    return [seats.get(image.image_id, NO_SEAT) for image in images]


def listed_pairs(account: Account, folds: int, dataset: str) -> list[Row]:
    """Return the rows of `pairs.csv` (image_a, image_b, genuine, fold), in the order of the pairs' numbers.

    Folds are runs of pairs, as even as can be (`KFold(folds, shuffle=False)` of scikit-learn, which InsightFace uses).
    A pair is left out, with a warning, if one of its images has no face; the others keep their folds.

    Raises:
        SitterError: the data set has no pairs, fewer than folds, or one that is not told in full.
    """
    every, faceless = _every_pair(account, folds, dataset)
    table = account.path
    rows = [row for row, without in zip(every, faceless, strict=True) if not without]
    if not rows:
        raise SitterError(f"split.{dataset}: in none of its {len(every)} pairs have both images a face: see {table}.")
    if len(rows) < len(every):
        names = sorted({without for without in faceless if without})
        dropped = Counter(row["fold"] for row, without in zip(every, faceless, strict=True) if without)
        logger.warning(
            f"{dataset}: {dropped.total()} of {len(every)} pairs are left out, since an image has no face "
            f"({', '.join(names[:SHOWN])}{' …' if len(names) > SHOWN else ''}; see {table}), "
            f"{', '.join(f'{n} of fold {fold}' for fold, n in dropped.items())}: "
            "figures are not comparable with those on all pairs"
        )
    return rows


def lost_pairs(account: Account, folds: int, dataset: str) -> list[Row]:
    """Return the rows of the pairs that `listed_pairs` leaves out, since an image has no face."""
    every, faceless = _every_pair(account, folds, dataset)
    return [row for row, without in zip(every, faceless, strict=True) if without]


def _every_pair(account: Account, folds: int, dataset: str) -> tuple[list[Row], list[str]]:
    """Return all pairs, and of each an image that has no face; empty where both have one."""
    table = account.path
    if not any(image.pairs for image in account.images):
        raise SitterError(
            f"split.{dataset}.kind is pairs, but {table} has no column `pairs` with pairs in it: the data set comes "
            "with none. Fetch one that does (`kind: verification-bin`, `lfw`, `cfp`), or use `kind: sitters`."
        )
    sides: dict[int, dict[str, tuple[str, str, str]]] = {}
    for line, image in enumerate(account.images, start=2):
        for place in image.pairs.split():
            found = PLACE.fullmatch(place)
            if found is None:
                raise SitterError(f"{table}, line {line}: pairs holds {place!r}; expected a place like 7a+ or 12b-.")
            named, side, sign = found.groups()
            pair = sides.setdefault(int(named), {})
            if side in pair:
                raise SitterError(
                    f"{table}, line {line}: image {image.image_id!r} is {side} of pair {named}, and so is "
                    f"{pair[side][0]!r}."
                )
            pair[side] = (image.image_id, sign, image.status)
    if len(sides) < folds:
        raise SitterError(f"split.{dataset}.folds is {folds}, but {table} has only {len(sides)} pairs: ask for fewer.")
    rows, without = [], []
    for rank, number in enumerate(sorted(sides)):
        pair = sides[number]
        if len(pair) < 2 or pair["a"][1] != pair["b"][1]:
            how = (
                "is both genuine and impostor" if len(pair) == 2 else f"has no image {({'a', 'b'} - pair.keys()).pop()}"
            )
            raise SitterError(f"{table}: pair {number} {how} in the column pairs: correct the manifest.")
        (a, sign, _), (b, _, _) = pair["a"], pair["b"]
        fold = str(fold_of(rank, len(sides), folds))
        rows.append({"image_a": a, "image_b": b, "genuine": str(int(sign == "+")), "fold": fold})
        without.append(next((image_id for image_id, _, status in pair.values() if status != ALIGNED), ""))
    return rows, without


def fold_of(place: int, pairs: int, folds: int) -> int:
    """Fold of one of so many pairs: the first `pairs % folds` folds have one more.

    >>> [fold_of(i, 7, 3) for i in range(7)]
    [0, 0, 0, 1, 1, 2, 2]
    """
    size, more = divmod(pairs, folds)
    border = more * (size + 1)
    return place // (size + 1) if place < border else more + (place - border) // size
