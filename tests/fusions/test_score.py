"""Score fusion: logistic regression as scikit-learn does it, calibrated, as vectors."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.fusions.fit_pairs import calibrate, cllr, cosines, regress
from pipeline.fusions.fused import Fused
from pipeline.fusions.score import Score
from pipeline.store.embeddings import normalise

NAMES = [f"s{i}" for i in range(24) for _ in range(5)]
SUBSET = ["train"] * 60 + ["val"] * 60


def units(*noises, seed=0):
    rng = np.random.default_rng(seed)
    people = [np.repeat(rng.normal(size=(24, 32)), 5, axis=0) for _ in noises]
    return [
        normalise((x + n * rng.normal(size=x.shape)).astype(np.float32)) for x, n in zip(people, noises, strict=True)
    ]


def genuine(names):
    i, j = np.triu_indices(len(names), 1)
    names = np.array(names)
    return names[i] == names[j]


def test_coefficients_are_those_of_scikit_learn_with_balanced_classes():
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(1)
    truth = rng.random(3000) < 0.1
    scores = np.array([0.3, 0.2, 0.4]) * (rng.normal(size=(3000, 3)) + np.outer(truth, [1.0, 0.7, 0.4]))
    beta, offset = regress(scores, truth)
    expected = LogisticRegression(C=1e6, class_weight="balanced", tol=1e-10, max_iter=5000).fit(scores, truth)
    np.testing.assert_allclose(beta, expected.coef_[0], rtol=0.01)
    assert offset == pytest.approx(expected.intercept_[0], abs=0.02)


def test_cllr_of_calibrated_ratios_is_near_the_least_that_any_calibration_leaves():
    """The least is that of isotonic regression (PAV), which knows the truth of these very pairs."""

    from sklearn.isotonic import IsotonicRegression

    rng = np.random.default_rng(2)
    truth = rng.random(4000) < 0.2
    scores = np.where(truth, rng.normal(0.6, 0.1, 4000), rng.normal(0.4, 0.1, 4000))
    slope, offset, cost = calibrate(scores, truth)
    assert cost == pytest.approx(cllr(slope * scores + offset, truth))
    # Two normal distributions of one deviation: slope (m₁ − m₀) / σ², even odds in the middle.
    assert slope == pytest.approx(20, rel=0.1)
    assert -offset / slope == pytest.approx(0.5, abs=0.01)
    mass = np.where(truth, 0.5 / truth.sum(), 0.5 / (~truth).sum())
    p = IsotonicRegression(y_min=1e-9, y_max=1 - 1e-9).fit_transform(scores, truth.astype(float), sample_weight=mass)
    least = cllr(np.log(p / (1 - p)), truth)
    assert least <= cost < least + 0.03
    assert cllr(np.zeros(4000), truth) == pytest.approx(1)


def test_the_cosine_of_fused_vectors_calibrated_is_the_regressions_log_likelihood_ratio():
    parts = units(1.0, 2.5)
    kind = Score()
    fused = Fused(["a", "b"], kind, None)
    kind.fit(parts, NAMES, SUBSET, 1)
    rows = np.arange(60, 120)
    vectors = fused.apply([p[rows] for p in parts])
    i, j = np.triu_indices(60, 1)
    ratios = kind.ratios((vectors @ vectors.T)[i, j])
    linear = kind.slope * (cosines(parts, rows) @ kind.weights) + kind.offset
    np.testing.assert_allclose(ratios, linear, atol=1e-4)
    truth = genuine(NAMES[60:])
    assert cllr(ratios.astype(np.float64), truth) == pytest.approx(kind.findings()["val_cllr"], abs=1e-4)
    assert ratios[truth].mean() > 0 > ratios[~truth].mean()


def test_a_noisy_partner_gets_little_and_val_sitters_have_chosen():
    kind = Score()
    kind.fit(units(1.2, 8.0), NAMES, SUBSET, 1)
    assert kind.weights[0] > 0.7
    found = kind.findings()
    assert found["val_cllr"] < 0.9 * found["val_cllr_equal"]


def test_where_train_sitters_mislead_equal_weights_are_kept():
    """On the train sitters the second model knows nothing, on the val sitters both know as much."""
    good, other = units(1.2, 1.2)
    useless = units(1.2, 50.0)[1]
    misleading = np.concatenate([useless[:60], other[60:]])
    kind = Score()
    kind.fit([good, misleading], NAMES, SUBSET, 1)
    assert kind.findings()["pull"] == "equal"
    np.testing.assert_allclose(kind.weights, 0.5)
