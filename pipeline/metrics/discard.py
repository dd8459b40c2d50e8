"""Error against discard: how the error falls when the images of the worst quality are left out.

This is the error-versus-discard characteristic (Grother & Tabassi 2007; ISO/IEC 29794-1:2024): at one threshold, the
FNMR of the genuine pairs that remain when the images of the lowest quality are discarded. The quality of a pair is the
quality of its worse image. Images of equal quality are discarded together, because none of them is known to be worse.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import SitterError
from pipeline.core.numbers import Floats, Ints, rounded, unit
from pipeline.metrics.pairing import Pairing
from pipeline.metrics.qualities import quality
from pipeline.metrics.result import Context, Embedded, Scalar, Scored
from pipeline.params.metrics.all_pairs import KNOWN_QUALITIES
from pipeline.store.curves import DiscardCurve
from pipeline.store.figure_names import discarding

# Largest number of genuine pairs, because each pair is listed.
MOST = 5_000_000
POINTS = 100
# The area under the curve is taken up to this share of discarded images, as is usual.
UP_TO = 0.2
BLOCK = 1 << 14


def discard(
    context: Context, pairing: Pairing, qualities: Sequence[str], threshold: float
) -> tuple[dict[str, Scalar], list[DiscardCurve]]:
    """Return `edc_<quality>` and a curve for each quality: FNMR as a function of the share of discarded images.

    `edc_<quality>` is the mean FNMR while up to 20 % of the images are discarded, divided by the FNMR of all images. If
    it is below 1, the quality predicts which images will be rejected; at 1 it predicts nothing.

    Args:
        context: has the qualities.
        pairing: the images.
        qualities: `score`, `size`, `norm` or a column of numbers of the manifest.
        threshold: a pair is accepted if its score is at least this.

    Raises:
        SitterError: a named column is missing or holds no numbers; the columns of `KNOWN_QUALITIES` may be missing.
    """
    rows, columns = genuine_pairs(pairing) if qualities else (np.zeros(0, np.int64), np.zeros(0, np.int64))
    if not 0 < len(rows) <= MOST:
        return {}, []
    rejected = genuine_scores(pairing, rows, columns) < threshold
    scalars: dict[str, Scalar] = {}
    curves: list[DiscardCurve] = []
    for name in qualities:
        values = [_quality(context, images, name) for images in (pairing.probe, pairing.columns)]
        known = [v for v in values if v is not None]
        if len(known) < 2:
            continue
        images = known[0] if pairing.within else np.concatenate(known)
        curve = characteristic(images, np.minimum(known[0][rows], known[1][columns]), rejected)
        area = area_up_to(*curve[:2])
        note = "" if np.isfinite(area) else "no genuine pair is rejected"
        scalars[discarding(name)] = Scalar(area if not note else None, note, better=None)
        curves.append(DiscardCurve(name, *(points.tolist() for points in curve)))
    return scalars, curves


def genuine_pairs(pairing: Pairing) -> tuple[Ints, Ints]:
    """Return rows and columns of the genuine pairs; they are found by sitter, without listing other pairs."""
    places: tuple[dict[int, list[int]], dict[int, list[int]]] = {}, {}
    for found, numbers in zip(places, pairing.numbers, strict=True):
        for place, number in enumerate(numbers.tolist()):
            found.setdefault(number, []).append(place)
    if sum(len(own) ** 2 for own in places[0].values()) > 4 * MOST:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    pairs = [
        pair
        for number, own in places[0].items()
        for pair in (
            combinations(own, 2) if pairing.within else ((i, j) for i in own for j in places[1].get(number, ()))
        )
    ]
    rows, columns = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    width = len(pairing.columns)
    out = np.isin(rows * width + columns, pairing.excluded[0] * width + pairing.excluded[1])
    return rows[~out], columns[~out]


def genuine_scores(pairing: Pairing, rows: Ints, columns: Ints) -> Floats:
    """Return the benchmark's scores of some pairs."""
    if isinstance(pairing.probe, Scored):
        return pairing.scorer()(slice(None))[rows, columns]
    found = np.empty(len(rows))
    for start in range(0, len(rows), BLOCK):
        part = slice(start, start + BLOCK)
        one, other = unit(pairing.probe.vectors[rows[part]]), unit(pairing.columns.vectors[columns[part]])
        found[part] = np.einsum("nd,nd->n", one, other)
    return rounded(found)


def characteristic(images: Floats, pairs: Floats, rejected: NDArray[np.bool_]) -> tuple[Floats, Floats, Floats]:
    """Return shares of discarded images, the FNMR of the remaining pairs, and the number of these.

    Args:
        images: quality of each image.
        pairs: quality of each genuine pair, which is the quality of its worse image.
        rejected: whether the pair is rejected.
    """
    levels = np.unique(images)
    discarded = np.searchsorted(np.sort(images), levels) / len(images)  # images below the level
    order = np.argsort(pairs, kind="stable")
    below = np.searchsorted(pairs[order], levels)
    left = len(pairs) - below
    wrong = rejected.sum() - np.concatenate([[0], np.cumsum(rejected[order])])[below]
    keep = left > 0
    discarded, left, wrong = discarded[keep], left[keep], wrong[keep]
    if len(discarded) > POINTS:
        chosen = np.unique(np.searchsorted(discarded, np.linspace(0, discarded[-1], POINTS)))
        discarded, left, wrong = discarded[chosen], left[chosen], wrong[chosen]
    return discarded, wrong / left, left.astype(np.float64)


def area_up_to(discarded: Floats, fnmr: Floats, end: float = UP_TO) -> float:
    """Return the mean FNMR over shares from 0 to `end`, by steps, divided by the FNMR at 0 (NaN if this is 0)."""
    if fnmr[0] == 0:
        return float("nan")
    steps = np.diff(np.append(np.minimum(discarded, end), end))
    return float(steps @ fnmr / end / fnmr[0])


def _quality(context: Context, images: Embedded, name: str) -> Floats | None:
    """Return the quality of each image; None if it is one of `KNOWN_QUALITIES` and not known."""
    try:
        return quality(context, images, name)
    except (SitterError, ValueError) as error:
        if name in KNOWN_QUALITIES:
            return None
        if isinstance(error, SitterError):
            raise
        raise SitterError(
            f"{images.dataset}: `discard` names the column {name!r}, which must hold numbers, but {error}. "
            "Fill it in, or leave it out of `discard`."
        ) from None
