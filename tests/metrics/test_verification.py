from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.metrics.verification import auc, d_prime, eer, roc, support, tally, tar_at_far, thin

# Few distinct values, so that most scores are tied, within a sort and between the two.
tied = st.lists(st.integers(-3, 3).map(lambda n: n / 4), min_size=1, max_size=40)
anything = st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=40)


def labelled(genuine, impostor):
    return np.r_[np.ones(len(genuine)), np.zeros(len(impostor))], np.r_[genuine, impostor]


@settings(max_examples=150, deadline=None)
@given(st.one_of(tied, anything), st.one_of(tied, anything))
def test_roc_and_auc_are_those_of_scikit_learn(genuine, impostor):
    from sklearn.metrics import roc_auc_score, roc_curve

    curve = roc(tally(genuine, impostor))
    truth, scores = labelled(genuine, impostor)
    far, tar, threshold = roc_curve(truth, scores, drop_intermediate=False)
    np.testing.assert_allclose(curve.far, far)
    np.testing.assert_allclose(curve.tar, tar)
    np.testing.assert_array_equal(curve.threshold, threshold)
    assert auc(curve) == pytest.approx(roc_auc_score(truth, scores))


@settings(max_examples=100, deadline=None)
@given(tied, tied, st.data())
def test_a_weight_is_a_repetition(genuine, impostor, data):
    weights_g = data.draw(st.lists(st.integers(0, 3), min_size=len(genuine), max_size=len(genuine)))
    weights_i = data.draw(st.lists(st.integers(0, 3), min_size=len(impostor), max_size=len(impostor)))
    repeated = roc(tally(np.repeat(genuine, weights_g), np.repeat(impostor, weights_i)))
    weighted = roc(tally(genuine, impostor, weights_g, weights_i))
    np.testing.assert_allclose(eer(weighted)[0], eer(repeated)[0])
    for far in (0.0, 0.1, 0.5):
        np.testing.assert_allclose(tar_at_far(weighted, far)[0], tar_at_far(repeated, far)[0])


@settings(max_examples=150, deadline=None)
@given(st.one_of(tied, anything), st.one_of(tied, anything), st.sampled_from([0.0, 0.01, 0.1, 0.25, 1.0]))
def test_tar_at_far_is_the_best_of_all_thresholds_that_keep_the_far(genuine, impostor, far):
    genuine, impostor = np.array(genuine), np.array(impostor)
    kept = [t for t in [np.inf, *genuine, *impostor] if np.mean(impostor >= t) <= far]
    tar, threshold = tar_at_far(roc(tally(genuine, impostor)), far)
    assert tar == max(np.mean(genuine >= t) for t in kept)
    assert np.mean(genuine >= threshold) == tar
    assert np.mean(impostor >= threshold) <= far


@settings(max_examples=150, deadline=None)
@given(st.one_of(tied, anything), st.one_of(tied, anything))
def test_eer_lies_on_the_roc_where_far_is_frr(genuine, impostor):
    curve = roc(tally(genuine, impostor))
    rate, _ = eer(curve)
    crossing = [  # on which straight piece of the ROC does (rate, 1 − rate) lie?
        min(f0, f1) - 1e-9 <= rate <= max(f0, f1) + 1e-9
        and abs((f1 - f0) * (1 - rate - t0) - (t1 - t0) * (rate - f0)) < 1e-9
        for f0, f1, t0, t1 in zip(curve.far, curve.far[1:], curve.tar, curve.tar[1:], strict=False)
    ]
    assert any(crossing)


def test_known_values():
    assert eer(roc(tally([3, 4], [1, 2])))[0] == 0
    assert eer(roc(tally([1, 2], [3, 4])))[0] == 1
    assert eer(roc(tally([1, 1], [1, 1])))[0] == 0.5  # nothing but ties: a coin's toss
    assert eer(roc(tally([2, 3, 4, 5], [0, 1, 1.5, 3])))[0] == 0.25
    assert d_prime(tally([2, 4], [0, 2])) == 2


def test_a_far_needs_three_impostor_pairs_and_is_firm_with_thirty():
    assert support(3000, 0.001) == (True, "a FAR of 0.001 rests on 3 of 3,000 impostor pairs")
    assert support(2999, 0.001) == (
        False,
        "2,999 impostor pairs cannot support a FAR of 0.001: it takes at least 3,000",
    )
    assert support(30_000, 0.001) == (True, "")


def test_without_genuine_or_impostor_pairs_there_is_no_rate():
    for genuine, impostor in (([], [1.0]), ([1.0], []), ([], [])):
        curve = roc(tally(genuine, impostor))
        assert np.isnan(eer(curve)[0])
        assert np.isnan(tar_at_far(curve, 0.1)[0])
        assert np.isnan(d_prime(tally(genuine, impostor)))


def test_a_nan_score_is_refused():
    with pytest.raises(ValueError, match="NaN"):
        tally([float("nan")], [1.0])


def test_a_thinned_curve_is_the_same_curve():
    rng = np.random.default_rng(1)
    curve = roc(tally(rng.normal(2, 1, 3000), rng.normal(0, 1, 50_000)))
    few = thin(curve, 400)
    assert len(few.far) <= 400
    assert (few.far[0], few.tar[0], few.far[-1], few.tar[-1]) == (0, 0, 1, 1)
    grid = np.geomspace(1e-4, 1, 500)
    assert np.abs(np.interp(grid, few.far, few.tar) - np.interp(grid, curve.far, curve.tar)).max() < 0.01
