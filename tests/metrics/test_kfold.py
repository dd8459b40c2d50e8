from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from pipeline.metrics.kfold import accuracy_at_far, kfold, val_threshold
from pipeline.metrics.result import PairList
from pipeline.params.metrics.kfold import KfoldOptions
from pipeline.store.curves import FoldTable
from tests.metrics.curves import curve
from tests.metrics.simulated import context, embedded


def listed(per_fold: int, folds: int = 10, seed: int = 1, noise: float = 1.0, decimals: int | None = None) -> PairList:
    """As many genuine as impostor pairs in each fold, the genuine ones first, as in LFW's list."""
    images = embedded("lfw", 40, 5, seed, noise)
    if decimals is not None:  # coarse embeddings: distances full of ties
        images = dataclasses.replace(images, vectors=np.round(images.vectors, decimals))
    rng = np.random.default_rng(seed)
    a, b, genuine = [], [], []
    for _ in range(folds):
        for same in (True, False):
            for _ in range(per_fold):
                s, t = rng.choice(40, 2, replace=False)
                i, j = rng.choice(5, 2, replace=False)
                a.append(5 * s + i)
                b.append(5 * (s if same else t) + j)
                genuine.append(same)
    return PairList(images, np.array(a), np.array(b), np.array(genuine), np.repeat(np.arange(folds), 2 * per_fold))


# What follows is written after InsightFace's verification.py, loop by loop, to compare with.


def insightface_accuracy(threshold, dist, actual_issame):
    predict = np.less(dist, threshold)
    tp = np.sum(np.logical_and(predict, actual_issame))
    tn = np.sum(np.logical_and(np.logical_not(predict), np.logical_not(actual_issame)))
    return float(tp + tn) / dist.size


def insightface_val_far(threshold, dist, actual_issame):
    predict = np.less(dist, threshold)
    true_accept = np.sum(np.logical_and(predict, actual_issame))
    false_accept = np.sum(np.logical_and(predict, np.logical_not(actual_issame)))
    n_same, n_diff = np.sum(actual_issame), np.sum(np.logical_not(actual_issame))
    return float(true_accept) / float(n_same), float(false_accept) / float(n_diff)


def insightface(vectors_a, vectors_b, issame, far_target):
    from scipy.interpolate import BSpline
    from sklearn.model_selection import KFold
    from sklearn.preprocessing import normalize

    first, second = normalize(vectors_a.astype(np.float64)), normalize(vectors_b.astype(np.float64))
    dist = np.sum(np.square(first - second), 1)
    accuracy, val, far = [], [], []
    for train, test in KFold(10, shuffle=False).split(np.arange(len(issame))):
        thresholds = np.arange(0, 4, 0.01)
        best = np.argmax([insightface_accuracy(t, dist[train], issame[train]) for t in thresholds])
        accuracy.append(insightface_accuracy(thresholds[best], dist[test], issame[test]))
        thresholds = np.arange(0, 4, 0.001)
        far_train = np.array([insightface_val_far(t, dist[train], issame[train])[1] for t in thresholds])
        threshold = 0.0
        if np.max(far_train) >= far_target:  # the first-order spline behind interp1d(kind="slinear")
            threshold = BSpline(np.r_[far_train[0], far_train, far_train[-1]], thresholds, 1)(far_target)
        one_val, one_far = insightface_val_far(threshold, dist[test], issame[test])
        val.append(one_val)
        far.append(one_far)
    return np.mean(accuracy), np.std(accuracy), np.mean(val), np.std(val), np.mean(far)


@pytest.mark.parametrize(("noise", "decimals"), [(0.6, None), (1.2, None), (1.0, 0)])
def test_accuracy_and_val_are_those_of_insightface(noise, decimals):
    given = listed(40, noise=noise, decimals=decimals)
    found = kfold(context(given.images, pairs=given, far=(0.02,)), KfoldOptions(dataset="lfw")).scalars
    vectors = given.images.vectors
    expected = insightface(vectors[given.a], vectors[given.b], given.genuine, 0.02)
    names = ["accuracy", "accuracy_std", "val@0.02", "val_std@0.02", "far@0.02"]
    assert [found[n].value for n in names] == pytest.approx(expected, abs=1e-12)


def test_interpolation_goes_from_the_last_of_the_lower_to_the_first_of_the_higher_far():
    impostor = np.array([0.5, 1.5, 2.5, 3.5])  # FAR 0 up to 0.5, 1/4 from 0.501 to 1.5, …
    assert val_threshold(impostor, 0.125) == pytest.approx((0.5 + 0.501) / 2)
    assert val_threshold(impostor, 0.25) == pytest.approx(1.5)
    assert val_threshold(np.array([5.0]), 0.1) == 0


def test_too_few_impostor_pairs_for_a_far_are_said_so():
    given = listed(30)
    found = kfold(context(given.images, pairs=given, far=(0.1, 0.01, 0.001)), KfoldOptions(dataset="lfw")).scalars
    assert found["val@0.1"].note == ""
    assert "rests on 3 of 300 impostor pairs" in found["val@0.01"].note
    assert found["val@0.001"].value is None
    assert "at least 3,000" in found["val@0.001"].note
    assert "val_std@0.001" not in found


def test_a_fold_without_genuine_pairs_has_no_val():
    given = listed(40)
    given = dataclasses.replace(given, genuine=given.genuine & (given.fold != 3))
    found = kfold(context(given.images, pairs=given, far=(0.1,)), KfoldOptions(dataset="lfw")).scalars
    assert found["val@0.1"].value is None
    assert "fold" in found["val@0.1"].note
    assert found["accuracy"].value > 0.5


def test_folds_are_the_units_that_are_resampled():
    given = listed(40)
    result = kfold(context(given.images, pairs=given, far=(0.1,)), KfoldOptions(dataset="lfw"))
    assert result.units == 10
    assert result.scalars["accuracy"].replicates.mean() == pytest.approx(result.scalars["accuracy"].value, abs=0.01)
    assert len(curve(result, FoldTable).threshold) == 10


def accuracy_by_hand(scores, genuine, folds, far):
    """The second study's figure, fold by fold and pair by pair, without NumPy."""
    from fractions import Fraction
    from math import floor

    found = []
    for fold in sorted(set(folds)):
        others = sorted(
            (s for s, g, f in zip(scores, genuine, folds, strict=True) if f != fold and not g), reverse=True
        )
        k = floor(far * len(others))
        threshold = others[k - 1] if k > 0 else others[0] + 1e-6
        mine = [(s, g) for s, g, f in zip(scores, genuine, folds, strict=True) if f == fold]
        found.append(Fraction(sum((s >= threshold) == g for s, g in mine), len(mine)))
    mean = sum(found) / len(found)
    return float(mean), float(sum((x - mean) ** 2 for x in found) / len(found)) ** 0.5


@pytest.mark.parametrize("far", [0.001, 0.02, 0.3])
@pytest.mark.parametrize("decimals", [None, 0])
def test_accuracy_at_a_far_is_the_second_studys(far, decimals):
    """Ties, k = 0 (360 impostor pairs at 0.001) and folds that lost pairs, against plain Python."""
    given = listed(40, decimals=decimals)
    kept = np.random.default_rng(5).random(len(given.a)) > np.where(given.fold < 4, 0.3, 0.05)
    given = dataclasses.replace(given, **{n: getattr(given, n)[kept] for n in ("a", "b", "genuine", "fold")})
    assert len(set(np.bincount(given.fold).tolist())) > 3
    found = kfold(context(given.images, pairs=given, far=(far,)), KfoldOptions(dataset="lfw"))
    vectors = given.images.vectors.astype(np.float64)
    cosines = [
        round(float(vectors[i] @ vectors[j] / np.sqrt(vectors[i] @ vectors[i]) / np.sqrt(vectors[j] @ vectors[j])), 11)
        for i, j in zip(given.a, given.b, strict=True)
    ]
    mean, deviation = accuracy_by_hand(cosines, given.genuine.tolist(), given.fold.tolist(), far)
    scalar = found.scalars[f"accuracy@{far}"]
    assert scalar.value == pytest.approx(mean, abs=1e-12)
    assert found.scalars[f"accuracy_std@{far}"].value == pytest.approx(deviation, abs=1e-12)
    assert np.quantile(scalar.replicates, 0.025) < mean < np.quantile(scalar.replicates, 0.975)


def test_the_threshold_of_a_far_accepts_the_pair_that_it_is():
    scores = np.array([0.9, 0.8, 0.7, 0.8, 0.8 + 0.5e-6])
    genuine = np.array([True, False, False, True, True])
    fold = np.array([0, 1, 1, 0, 0])
    # The impostor scores of the other fold are 0.8 and 0.7: at FAR 0.5, k = 1 and the threshold is 0.8 itself.
    assert accuracy_at_far(scores, genuine, fold, 0.5)[0] == 1
    # At FAR 0.1, k = 0, and the threshold is 0.8 + 1e-6, above two of the three.
    assert accuracy_at_far(scores, genuine, fold, 0.1)[0] == pytest.approx(1 / 3)
    assert np.isnan(accuracy_at_far(scores, genuine, fold, 0.5)[1])
