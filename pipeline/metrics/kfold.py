"""Verification on the pairs that a data set comes with, in folds, as InsightFace's `verification.py` computes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.metrics.intervals import resample
from pipeline.metrics.result import Column, Context, Floats, Ints, PairList, Result, Scalar, Scored, at, rounded, unit
from pipeline.metrics.verification import auc, reversed_by, roc, support, tally
from pipeline.params.metrics.kfold import KfoldOptions

ACCURACY_THRESHOLDS = np.arange(0, 4, 0.01)
VAL_THRESHOLDS = np.arange(0, 4, 0.001)
# With fewer thresholds than this across nearly all distances, the accuracy is said to be coarse.
FEWEST_STEPS = 20
# Where a FAR allows no impostor pair of the other folds, the threshold of `accuracy@FAR` is this far above them all.
ABOVE_ALL = 1e-6


@dataclass(frozen=True)
class Folds:
    """What each fold, tested at thresholds from the others, gives; arrays [folds]. VAL and FAR: [folds, len(far)]."""

    fold: Ints
    accuracy: Floats
    threshold: Floats
    val: Floats
    far: Floats
    genuine: Ints
    impostor: Ints


def kfold(context: Context, options: KfoldOptions) -> Result:
    """The k-fold protocol of LFW, CFP and AgeDB: accuracy, accuracy at FAR, and VAL at FAR.

    A pair's distance is the squared L2 distance of its unit-length embeddings. The accuracy of a fold is that at the
    threshold, of 0, 0.01 … 3.99, which is the best on the other folds (the first of equals). VAL at FAR is the share of
    the fold's genuine pairs accepted at the threshold that has this FAR on the other folds. Of a model that gives
    scores, whose range may be any, every listed score is a threshold, and distances are scores with the other sign.
    Accuracy at FAR (`accuracy@0.001`) is a third figure, which cannot stand beside the other two: see
    `accuracy_at_far`. Given are the means over folds and their population standard deviations; intervals resample
    folds.
    """
    listed = context.pairs(options.dataset)
    squared = distances(listed)
    given = isinstance(listed.images, Scored)
    grids = (every(squared),) * 2 if given else (ACCURACY_THRESHOLDS, VAL_THRESHOLDS)
    folds = in_folds(squared, listed.genuine, listed.fold, context.far, grids)
    drawn = resample(len(folds.fold), context.replicates, context.seed).astype(np.float64)
    scalars = {
        "accuracy": Scalar(
            _mean(folds.accuracy),
            "" if given else _coarse(squared),
            _resampled(drawn, folds.accuracy),
            percent=True,
            better="higher",
        ),
        "accuracy_std": Scalar(float(np.std(folds.accuracy)), percent=True),
    }
    impostors = int((~listed.genuine).sum())
    scores = similarities(listed)
    for far in context.far:
        at_far = accuracy_at_far(scores, listed.genuine, listed.fold, far)
        name = at("accuracy", far)
        if not np.isfinite(at_far).all():
            scalars[name] = Scalar(None, "the other folds have no impostor pair", percent=True, better="higher")
            continue
        note = support(impostors, far)[1]
        scalars[name] = Scalar(_mean(at_far), note, _resampled(drawn, at_far), percent=True, better="higher")
        scalars[at("accuracy_std", far)] = Scalar(float(np.std(at_far)), percent=True)
    for n, far in enumerate(context.far):
        enough, note = support(impostors, far)
        val = folds.val[:, n]
        if enough and np.isfinite(val).all():
            scalars[at("val", far)] = Scalar(_mean(val), note, _resampled(drawn, val), percent=True, better="higher")
            scalars[at("val_std", far)] = Scalar(float(np.std(val)), percent=True)
            scalars[at("far", far)] = Scalar(_mean(folds.far[:, n]), percent=True)
        else:
            note = note if not enough else "a fold has no genuine pair, or no impostor pair"
            scalars[at("val", far)] = Scalar(None, note, percent=True, better="higher")
    scalars |= _with_failures(listed, folds, context.far, scalars, drawn)
    scalars |= {
        "genuine": Scalar(int(listed.genuine.sum())),
        "impostor": Scalar(impostors),
        "folds": Scalar(len(folds.fold)),
    }
    table: dict[str, Column] = {
        "fold": folds.fold,
        "accuracy": folds.accuracy,
        "threshold": folds.threshold,
        "genuine": folds.genuine,
        "impostor": folds.impostor,
    }
    return Result(scalars, len(folds.fold), {"folds": table}, reversed=_reversed(listed, squared) if given else "")


def _with_failures(
    listed: PairList, folds: Folds, far: tuple[float, ...], scalars: Mapping[str, Scalar], drawn: Floats
) -> dict[str, Scalar]:
    """Return `gaccuracy` and `gval@0.001`: the same, of all pairs that the data set comes with.

    A pair of which an image has no face is rejected: falsely if it is genuine, rightly if not. Thresholds are as they
    were. Nothing where no pair of any model has failed.
    """
    if not len(listed.lost_fold) and not listed.lost_elsewhere:
        return {}
    lost_g, lost_i = (
        np.array([((listed.lost_fold == f) & sort).sum() for f in folds.fold])
        for sort in (listed.lost_genuine, ~listed.lost_genuine)
    )
    pairs = folds.genuine + folds.impostor
    accuracy = (folds.accuracy * pairs + lost_i) / (pairs + lost_g + lost_i)
    found = {"gaccuracy": (accuracy, "")}
    for n, target in enumerate(far):
        if scalars[at("val", target)].value is not None:
            share = folds.genuine / (folds.genuine + lost_g)
            found[at("gval", target)] = folds.val[:, n] * share, scalars[at("val", target)].note
    shown = {
        name: Scalar(_mean(values), note, _resampled(drawn, values), percent=True, better="higher", beside=True)
        for name, (values, note) in found.items()
    }
    return shown | {"failed_pairs": Scalar(len(listed.lost_fold))}


def _reversed(listed: PairList, squared: Floats) -> str:
    """Return a sentence where genuine pairs are further apart than impostor pairs."""
    genuine, impostor = -squared[listed.genuine], -squared[~listed.genuine]
    used = np.unique(np.concatenate([listed.a, listed.b]))
    sitters = len({listed.images.sitters[n] for n in used})
    return reversed_by(auc(roc(tally(genuine, impostor))), len(genuine), len(impostor), sitters)


def distances(listed: PairList) -> Floats:
    """Squared L2 distances [n] of the pairs' unit-length embeddings, or scores with the other sign."""
    if isinstance(listed.images, Scored):
        return -listed.images.listed(listed.a, listed.b)
    vectors = unit(listed.images.vectors)
    squared: Floats = np.square(vectors[listed.a] - vectors[listed.b]).sum(axis=1)
    return squared


def similarities(listed: PairList) -> Floats:
    """Cosines [n] of the pairs, equal ones equal, or scores as they are given."""
    if isinstance(listed.images, Scored):
        return listed.images.listed(listed.a, listed.b)
    vectors = unit(listed.images.vectors)
    return rounded(np.einsum("nd,nd->n", vectors[listed.a], vectors[listed.b]))


def accuracy_at_far(scores: Floats, genuine: NDArray[np.bool_], fold: Ints, far: float) -> Floats:
    """Return the accuracy [folds] of each fold at the threshold of a FAR on the other folds' impostor pairs.

    Of the n impostor scores of the other folds, descending, the threshold is the k-th, k = ⌊far · n⌋, or, where k is 0,
    the highest + 1e-6. A pair of the fold is accepted where its score is at least the threshold; the accuracy is the
    share of all its pairs that are decided rightly. Equal scores at the threshold are all accepted, so that the FAR may
    be exceeded. NaN where the other folds have no impostor pair. As the code behind "Face Verification: ArcFace vs
    InfoNCE" has it (github.com/enazari/ArcFace-vs-InfoNCE, commit 0499ac3).

    Args:
        scores: [n] of the pairs, higher for pairs more alike.
        genuine: [n].
        fold: [n]; folds may differ in size.
        far: the FAR, between 0 and 1.
    """
    numbers = np.unique(fold)
    found = np.full(len(numbers), np.nan)
    for n, number in enumerate(numbers):
        test = fold == number
        impostor = np.sort(scores[~test & ~genuine])[::-1]
        if not len(impostor):
            continue
        k = int(far * len(impostor))
        threshold = impostor[k - 1] if k else impostor[0] + ABOVE_ALL
        found[n] = np.mean((scores[test] >= threshold) == genuine[test])
    return found


def every(squared: Floats) -> Floats:
    """Return thresholds [k] that tell all these distances apart: each of them, and one above all."""
    distinct = np.unique(squared)
    return np.append(distinct, np.nextafter(distinct[-1:], np.inf))


def _coarse(squared: Floats) -> str:
    """Return a sentence where the protocol's thresholds are too far apart for these distances."""
    low, high = np.quantile(squared, [0.01, 0.99])
    if high - low >= FEWEST_STEPS * ACCURACY_THRESHOLDS[1]:
        return ""
    return (
        f"the protocol's thresholds are {ACCURACY_THRESHOLDS[1]:g} apart, but 98 % of the squared distances lie "
        f"between {low:.6g} and {high:.6g}, so that few thresholds tell them apart: all-pairs is finer"
    )


def in_folds(
    squared: Floats,
    genuine: NDArray[np.bool_],
    fold: Ints,
    far: tuple[float, ...],
    grids: tuple[Floats, Floats] = (ACCURACY_THRESHOLDS, VAL_THRESHOLDS),
) -> Folds:
    """Test each fold at the thresholds chosen on the others, of a grid for the accuracy and one for VAL.

    VAL is NaN in a fold without genuine pairs, FAR in one without impostor pairs, and both where the other folds lack
    pairs to choose a threshold by.
    """
    numbers = np.unique(fold)
    accuracy, threshold = np.empty(len(numbers)), np.empty(len(numbers))
    val, measured = np.full((len(numbers), len(far)), np.nan), np.full((len(numbers), len(far)), np.nan)
    for n, number in enumerate(numbers):
        test, train = fold == number, fold != number
        correct = _accepted(squared[train & genuine], grids[0]) + (
            (train & ~genuine).sum() - _accepted(squared[train & ~genuine], grids[0])
        )
        threshold[n] = grids[0][np.argmax(correct)]
        accuracy[n] = np.mean((squared[test] < threshold[n]) == genuine[test])
        for column, target in enumerate(far):
            limit = val_threshold(squared[train & ~genuine], target, grids[1])
            val[n, column] = _share(squared[test & genuine], limit)
            measured[n, column] = _share(squared[test & ~genuine], limit)
    counts_g, counts_i = (np.array([(s & (fold == f)).sum() for f in numbers]) for s in (genuine, ~genuine))
    return Folds(numbers, accuracy, threshold, val, measured, counts_g, counts_i)


def val_threshold(impostor: Floats, far: float, grid: Floats = VAL_THRESHOLDS) -> float:
    """Distance below which a share `far` of these impostor distances lies; the least where no threshold reaches it.

    Between the thresholds of the grid (0, 0.001 … 3.999) by a straight line. Where several have the same FAR, the line
    starts from the last of the lower FAR and ends at the first of the higher, as a first-order spline through all
    points does. InsightFace's `interp1d(kind="slinear")` is that spline, but current SciPy refuses duplicates.
    """
    if not len(impostor):
        return float("nan")
    rates = _accepted(impostor, grid) / len(impostor)
    return float(np.interp(far, rates, grid)) if rates.max() >= far else float(grid[0])


def _accepted(squared: Floats, thresholds: Floats) -> NDArray[Any]:
    """How many distances lie below each threshold."""
    return np.searchsorted(np.sort(squared), thresholds, side="left")


def _share(squared: Floats, limit: float) -> float:
    return float(np.mean(squared < limit)) if len(squared) and np.isfinite(limit) else float("nan")


def _mean(values: Floats) -> float:
    return float(np.mean(values))


def _resampled(drawn: Floats, values: Floats) -> Floats:
    """Mean over folds in each replicate."""
    means: Floats = drawn @ values / len(values)
    return means
