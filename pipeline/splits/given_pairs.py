"""The pairs that a data set comes with, from the column `pairs` of its manifest, and their folds.

The column lists the pairs that contain an image: `7a+ 12b-` is the first image of pair 7, a genuine pair, and the
second image of pair 12, an impostor pair.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence

from pipeline.core.errors import SitterError
from pipeline.splits.copies import Copies
from pipeline.splits.seats import NO_SEAT, Seat
from pipeline.store.accounts import ALIGNED, Account, AccountedImage
from pipeline.store.splits import ListedPair

logger = logging.getLogger(__name__)

SHOWN = 3


def seats_of_pairs(
    images: Sequence[AccountedImage], pairs: Sequence[ListedPair], copies: Copies, dataset: str
) -> list[Seat]:
    """Return a seat for each image: images in a pair go to test, in the fold of their first pair.

    A warning names pairs with the same picture in both images; they stay, since the protocol lists them.
    """
    picture_of = {image_id: picture.images[0] for picture in copies.pictures for image_id in picture.images}
    alike = [pair for pair in pairs if len({picture_of.get(image_id, image_id) for image_id in pair.images}) < 2]
    if alike:
        genuine = sum(pair.genuine for pair in alike)
        shown = ", ".join(" and ".join(pair.images) for pair in alike[:SHOWN])
        logger.warning(
            f"{dataset}: in {genuine} genuine and {len(alike) - genuine} impostor pairs of {len(pairs)} both "
            f"images are the same picture ({shown}{' …' if len(alike) > SHOWN else ''}). They count, because the "
            "protocol lists them."
        )
    seats: dict[str, Seat] = {}
    for pair in pairs:
        for image_id in pair.images:
            seats.setdefault(image_id, Seat("test", pair.fold))
    return [seats.get(image.image_id, NO_SEAT) for image in images]


def listed_pairs(account: Account, folds: int, dataset: str) -> list[ListedPair]:
    """Return the pairs that the data set comes with, in the order of their numbers.

    Folds are consecutive pairs, as equal in size as possible (`KFold(folds, shuffle=False)` of scikit-learn, which
    InsightFace uses). A pair is left out, with a warning, if one of its images has no face; others keep their folds.

    Raises:
        SitterError: the data set has no pairs, fewer pairs than folds, or an incomplete pair.
    """
    every, faceless = _every_pair(account, folds, dataset)
    table = account.path
    pairs = [pair for pair, without in zip(every, faceless, strict=True) if not without]
    if not pairs:
        raise SitterError(f"split.{dataset}: none of its {len(every)} pairs has a face in both images: see {table}.")
    if len(pairs) < len(every):
        names = sorted({without for without in faceless if without})
        dropped = Counter(pair.fold for pair, without in zip(every, faceless, strict=True) if without)
        logger.warning(
            f"{dataset}: {dropped.total()} of {len(every)} pairs are left out, since an image has no face "
            f"({', '.join(names[:SHOWN])}{' …' if len(names) > SHOWN else ''}; see {table}), "
            f"{', '.join(f'{n} of fold {fold}' for fold, n in dropped.items())}: "
            "figures are not comparable with figures on all pairs"
        )
    return pairs


def lost_pairs(account: Account, folds: int, dataset: str) -> list[ListedPair]:
    """Return the pairs that `listed_pairs` leaves out, since an image has no face."""
    every, faceless = _every_pair(account, folds, dataset)
    return [pair for pair, without in zip(every, faceless, strict=True) if without]


def _every_pair(account: Account, folds: int, dataset: str) -> tuple[list[ListedPair], list[str]]:
    """Return all pairs and, for each pair, an image without a face (empty if both have a face)."""
    table = account.path
    if not any(image.pairs for image in account.images):
        raise SitterError(
            f"split.{dataset}.kind is pairs, but {table} has no column `pairs` with pairs in it: the data set comes "
            "without pairs. Use one with pairs (`kind: verification-bin`, `lfw`, `cfp`), or use `kind: sitters`."
        )
    sides: dict[int, dict[str, tuple[str, bool, str]]] = {}
    for line, image in enumerate(account.images, start=2):
        try:
            places = image.places
        except SitterError as error:
            raise SitterError(f"{table}, line {line}: {error}") from None
        for place in places:
            pair = sides.setdefault(place.pair, {})
            if place.side in pair:
                raise SitterError(
                    f"{table}, line {line}: image {image.image_id!r} is {place.side} of pair {place.pair}, and so is "
                    f"{pair[place.side][0]!r}."
                )
            pair[place.side] = (image.image_id, place.genuine, image.status)
    if len(sides) < folds:
        raise SitterError(f"split.{dataset}.folds is {folds}, but {table} has only {len(sides)} pairs: ask for fewer.")
    pairs, without = [], []
    for rank, number in enumerate(sorted(sides)):
        pair = sides[number]
        if len(pair) < 2 or pair["a"][1] != pair["b"][1]:
            how = (
                "is both genuine and impostor" if len(pair) == 2 else f"has no image {({'a', 'b'} - pair.keys()).pop()}"
            )
            raise SitterError(f"{table}: pair {number} {how} in the column pairs: correct the manifest.")
        (a, genuine, _), (b, _, _) = pair["a"], pair["b"]
        pairs.append(ListedPair(a, b, genuine, fold_of(rank, len(sides), folds)))
        without.append(next((image_id for image_id, _, status in pair.values() if status != ALIGNED), ""))
    return pairs, without


def fold_of(place: int, pairs: int, folds: int) -> int:
    """Return the fold of the pair at a place among all pairs; the first `pairs % folds` folds have one pair more.

    >>> [fold_of(i, 7, 3) for i in range(7)]
    [0, 0, 0, 1, 1, 2, 2]
    """
    size, more = divmod(pairs, folds)
    border = more * (size + 1)
    return place // (size + 1) if place < border else more + (place - border) // size
