"""Verification on the pairs that a data set comes with, in folds, computed as in InsightFace's `verification.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.numbers import Floats, Ints, rounded, unit
from pipeline.metrics.intervals import resample
from pipeline.metrics.result import Context, PairList, Result, Scalar, Scored
from pipeline.metrics.verification import auc, reversed_by, roc, support, tally
from pipeline.params.metrics.kfold import KfoldOptions
from pipeline.store.curves import FoldTable
from pipeline.store.figure_names import ACCURACY, FAILED_PAIRS, GACCURACY, GENUINE, GVAL, IMPOSTOR, VAL, at

ACCURACY_THRESHOLDS = np.arange(0, 4, 0.01)
VAL_THRESHOLDS = np.arange(0, 4, 0.001)
# With fewer thresholds than this across nearly all distances, a note says that the accuracy is coarse.
FEWEST_STEPS = 20
# If a FAR allows no impostor pair of the other folds, the threshold of `accuracy@FAR` is this far above all of them.
ABOVE_ALL = 1e-6


@dataclass(frozen=True)
class FoldFigures:
    """The figures of each fold at thresholds from the other folds: arrays [folds]; VAL and FAR: [folds, len(far)]."""

    fold: Ints
    accuracy: Floats
    threshold: Floats
    val: Floats
    far: Floats
    genuine: Ints
    impostor: Ints


def kfold(context: Context, options: KfoldOptions) -> Result:
    """Run the k-fold protocol of LFW, CFP and AgeDB: accuracy, accuracy at FAR, and VAL at FAR.

    A pair's distance is the squared L2 distance of its unit embeddings. The accuracy of a fold is taken at the
    threshold (one of 0, 0.01 … 3.99) that is best on the other folds (the first of equals). VAL at FAR is the share of
    the fold's genuine pairs that are accepted at the threshold with this FAR on the other folds. The scores of an
    outside system may have any range: then every listed score is a threshold, and distances are the negative scores.

    Accuracy at FAR (`accuracy@0.001`) is a third figure, which must not be compared with the other two: see
    `accuracy_at_far`. The result has the means over folds and their population standard deviations; intervals resample
    folds.
    """
    listed = context.pairs(options.dataset)
    squared = distances(listed)
    given = isinstance(listed.images, Scored)
    grids = (every(squared),) * 2 if given else (ACCURACY_THRESHOLDS, VAL_THRESHOLDS)
    folds = in_folds(squared, listed.genuine, listed.fold, context.far, grids)
    drawn = resample(len(folds.fold), context.replicates, context.seed).astype(np.float64)
    scalars = {
        ACCURACY: Scalar(
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
        name = at(ACCURACY, far)
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
            scalars[at(VAL, far)] = Scalar(_mean(val), note, _resampled(drawn, val), percent=True, better="higher")
            scalars[at("val_std", far)] = Scalar(float(np.std(val)), percent=True)
            scalars[at("far", far)] = Scalar(_mean(folds.far[:, n]), percent=True)
        else:
            note = note if not enough else "a fold has no genuine pair, or no impostor pair"
            scalars[at(VAL, far)] = Scalar(None, note, percent=True, better="higher")
    scalars |= _with_failures(listed, folds, context.far, scalars, drawn)
    scalars |= {
        GENUINE: Scalar(int(listed.genuine.sum())),
        IMPOSTOR: Scalar(impostors),
        "folds": Scalar(len(folds.fold)),
    }
    table = FoldTable(folds.fold, folds.accuracy, folds.threshold, folds.genuine, folds.impostor)
    return Result(scalars, len(folds.fold), (table,), reversed=_reversed(listed, squared) if given else "")


def _with_failures(
    listed: PairList, folds: FoldFigures, far: tuple[float, ...], scalars: Mapping[str, Scalar], drawn: Floats
) -> dict[str, Scalar]:
    """Return `gaccuracy` and `gval@0.001`: accuracy and VAL over all pairs that the data set comes with.

    A pair with an image without a face is rejected: wrongly if it is genuine, rightly if not. Thresholds stay the same.
    Return nothing if no pair of any model has failed.
    """
    if not len(listed.lost_fold) and not listed.lost_elsewhere:
        return {}
    lost_g, lost_i = (
        np.array([((listed.lost_fold == f) & sort).sum() for f in folds.fold])
        for sort in (listed.lost_genuine, ~listed.lost_genuine)
    )
    pairs = folds.genuine + folds.impostor
    accuracy = (folds.accuracy * pairs + lost_i) / (pairs + lost_g + lost_i)
    found = {GACCURACY: (accuracy, "")}
    for n, target in enumerate(far):
        if scalars[at(VAL, target)].value is not None:
            share = folds.genuine / (folds.genuine + lost_g)
            found[at(GVAL, target)] = folds.val[:, n] * share, scalars[at(VAL, target)].note
    shown = {
        name: Scalar(_mean(values), note, _resampled(drawn, values), percent=True, better="higher", beside=True)
        for name, (values, note) in found.items()
    }
    return shown | {FAILED_PAIRS: Scalar(len(listed.lost_fold))}


def _reversed(listed: PairList, squared: Floats) -> str:
    """Return a message if genuine pairs are further apart than impostor pairs; else ""."""
    genuine, impostor = -squared[listed.genuine], -squared[~listed.genuine]
    used = np.unique(np.concatenate([listed.a, listed.b]))
    sitters = len({listed.images.sitters[n] for n in used})
    return reversed_by(auc(roc(tally(genuine, impostor))), len(genuine), len(impostor), sitters)


def distances(listed: PairList) -> Floats:
    """Return the squared L2 distances [n] of the pairs' unit embeddings, or negative scores."""
    if isinstance(listed.images, Scored):
        return -listed.images.listed(listed.a, listed.b)
    vectors = unit(listed.images.vectors)
    squared: Floats = np.square(vectors[listed.a] - vectors[listed.b]).sum(axis=1)
    return squared


def similarities(listed: PairList) -> Floats:
    """Return the cosines [n] of the pairs, rounded so that equal ones are equal, or the given scores."""
    if isinstance(listed.images, Scored):
        return listed.images.listed(listed.a, listed.b)
    vectors = unit(listed.images.vectors)
    return rounded(np.einsum("nd,nd->n", vectors[listed.a], vectors[listed.b]))


def accuracy_at_far(scores: Floats, genuine: NDArray[np.bool_], fold: Ints, far: float) -> Floats:
    """Return the accuracy [folds] of each fold at the threshold of a FAR on the other folds' impostor pairs.

    The threshold is the k-th of the n impostor scores of the other folds, descending, with k = ⌊far · n⌋; if k is 0, it
    is the highest + 1e-6. A pair of the fold is accepted if its score is at least the threshold; the accuracy is the
    share of all its pairs that are decided correctly. Equal scores at the threshold are all accepted, so the FAR may be
    exceeded. The accuracy is NaN if the other folds have no impostor pair. This is how the code behind "Face
    Verification: ArcFace vs InfoNCE" computes it (github.com/enazari/ArcFace-vs-InfoNCE, commit 0499ac3).

    Args:
        scores: [n], scores of the pairs; a higher score means more alike.
        genuine: [n], whether each pair is genuine.
        fold: [n], fold of each pair; folds may differ in size.
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
    """Return thresholds [k] that separate all these distances: each of them, and one above all."""
    distinct = np.unique(squared)
    return np.append(distinct, np.nextafter(distinct[-1:], np.inf))


def _coarse(squared: Floats) -> str:
    """Return a message if the protocol's thresholds are too far apart for these distances; else ""."""
    low, high = np.quantile(squared, [0.01, 0.99])
    if high - low >= FEWEST_STEPS * ACCURACY_THRESHOLDS[1]:
        return ""
    return (
        f"the protocol's thresholds are {ACCURACY_THRESHOLDS[1]:g} apart, but 98 % of the squared distances lie "
        f"between {low:.6g} and {high:.6g}, so that few thresholds separate them: all-pairs is finer"
    )


def in_folds(
    squared: Floats,
    genuine: NDArray[np.bool_],
    fold: Ints,
    far: tuple[float, ...],
    grids: tuple[Floats, Floats] = (ACCURACY_THRESHOLDS, VAL_THRESHOLDS),
) -> FoldFigures:
    """Test each fold at thresholds that are chosen on the others from two grids, one for accuracy and one for VAL.

    VAL is NaN in a fold without genuine pairs, FAR in a fold without impostor pairs, and both if the other folds lack
    pairs to choose a threshold.
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
    return FoldFigures(numbers, accuracy, threshold, val, measured, counts_g, counts_i)


def val_threshold(impostor: Floats, far: float, grid: Floats = VAL_THRESHOLDS) -> float:
    """Return the distance below which a share `far` of impostor distances lies; the least if no threshold reaches it.

    It is interpolated linearly between the thresholds of the grid (0, 0.001 … 3.999). If several thresholds have the
    same FAR, the line goes from the last one with the lower FAR to the first one with the higher FAR, like a
    first-order spline through all points. InsightFace uses such a spline, `interp1d(kind="slinear")`, but current SciPy
    refuses duplicates.
    """
    if not len(impostor):
        return float("nan")
    rates = _accepted(impostor, grid) / len(impostor)
    return float(np.interp(far, rates, grid)) if rates.max() >= far else float(grid[0])


def _accepted(squared: Floats, thresholds: Floats) -> NDArray[Any]:
    """Return the number of distances below each threshold."""
    return np.searchsorted(np.sort(squared), thresholds, side="left")


def _share(squared: Floats, limit: float) -> float:
    return float(np.mean(squared < limit)) if len(squared) and np.isfinite(limit) else float("nan")


def _mean(values: Floats) -> float:
    return float(np.mean(values))


def _resampled(drawn: Floats, values: Floats) -> Floats:
    """Return the mean over folds in each replicate."""
    means: Floats = drawn @ values / len(values)
    return means
