"""Fusions: what the cosine of fused vectors is, and what is learned from a few sitters."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.core.errors import SitterError
from pipeline.fusions.concat import Concat
from pipeline.fusions.fused import Fused, mean_units
from pipeline.fusions.weighted import Weighted, learn
from pipeline.params.fusions.weighted import WeightedOptions
from pipeline.store.embeddings import normalise


def vectors(noise, dim, seed=0, sitters=12, images=5, offset=0.0):
    """Vectors of one model: a direction a sitter, noise an image, and an offset that squeezes the cosines."""
    rng = np.random.default_rng([seed, dim])
    people = np.repeat(rng.normal(size=(sitters, dim)), images, axis=0)
    return (people + noise * rng.normal(size=people.shape) + offset).astype(np.float32)


SITTERS = [f"s{i}" for i in range(12) for _ in range(5)]
VAL = ["val"] * len(SITTERS)


def cosines(x):
    u = normalise(x)
    return u @ u.T


def test_the_cosine_of_a_concatenation_is_the_mean_of_the_cosines():
    inputs = [vectors(1.0, 8), 30 * vectors(2.0, 20)]
    fused = Fused(["a", "b"], Concat(), None).apply(inputs)
    assert fused.shape == (60, 28)
    assert fused.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(fused, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(cosines(fused), (cosines(inputs[0]) + cosines(inputs[1])) / 2, atol=1e-6)


def test_the_cosine_of_a_weighted_fusion_is_the_weighted_sum_of_the_cosines():
    inputs = [vectors(1.0, 8), vectors(2.0, 20), vectors(1.5, 5)]
    kind = Weighted(WeightedOptions())
    kind.load({"weights": np.array([0.5, 0.0, 0.5], np.float32)})
    fused = Fused(["a", "b", "c"], kind, None).apply(inputs)
    np.testing.assert_allclose(cosines(fused), (cosines(inputs[0]) + cosines(inputs[2])) / 2, atol=1e-6)


def test_centred_a_model_with_squeezed_cosines_counts_as_much_as_the_others():
    squeezed, plain = vectors(1.0, 16, offset=8.0), vectors(1.0, 16, seed=1)
    assert cosines(squeezed).min() > 0.9
    spread = [cosines(u)[np.triu_indices(60, 1)].std() for u in (squeezed, plain)]
    assert spread[0] < 0.1 * spread[1]
    centred = Fused(["a", "b"], Concat(), mean_units([squeezed, plain])).units([squeezed, plain])
    spread = [(u @ u.T)[np.triu_indices(60, 1)].std() for u in centred]
    assert 0.5 < spread[0] / spread[1] < 2


def test_centres_are_the_mean_of_unit_vectors_so_that_long_vectors_count_no_more():
    x = vectors(1.0, 8)
    longer = x * np.linspace(0.1, 50, len(x), dtype=np.float32)[:, None]
    np.testing.assert_allclose(mean_units([longer])[0], normalise(x).mean(0), atol=1e-6)


def test_a_bad_model_gets_little_weight_and_a_good_one_much():
    good, bad = normalise(vectors(2.0, 32)), normalise(vectors(12.0, 32, seed=1))
    kind = Weighted(WeightedOptions())
    kind.fit([good, bad], SITTERS, VAL, 0)
    assert kind.weights.sum() == pytest.approx(1)
    assert kind.weights[0] > 0.8


def test_equal_models_get_equal_weights():
    units = [normalise(vectors(2.0, 64, seed=s)) for s in range(3)]
    kind = Weighted(WeightedOptions())
    kind.fit(units, SITTERS, VAL, 0)
    np.testing.assert_allclose(kind.weights, 1 / 3, atol=0.08)
    kind.fit([units[0], units[0].copy()], SITTERS, VAL, 0)
    np.testing.assert_allclose(kind.weights, 0.5, atol=1e-3)


def test_where_equal_weights_tell_all_pairs_apart_nothing_is_learned():
    units = [normalise(vectors(noise, 64, seed=s)) for s, noise in enumerate((0.2, 0.3))]
    kind = Weighted(WeightedOptions())
    kind.fit(units, SITTERS, VAL, 0)
    np.testing.assert_allclose(kind.weights, 0.5, atol=0.1)


def test_a_stronger_pull_brings_the_weights_nearer_to_equal():
    units = [normalise(vectors(0.7, 32)), normalise(vectors(12.0, 32, seed=1))]
    found = []
    for pull in (0.0, 1.0, 100.0):
        kind = Weighted(WeightedOptions(pull=pull))
        kind.fit(units, SITTERS, VAL, 0)
        found.append(float(kind.weights[0]))
    assert found[0] > found[1] > found[2]
    assert found[2] == pytest.approx(0.5, abs=0.05)


def test_learned_weights_are_the_best_of_many_by_the_objective_they_state():
    """Against a search that knows nothing of gradients."""

    from scipy.optimize import minimize

    rng = np.random.default_rng(4)
    genuine = rng.random(400) < 0.3
    scores = rng.normal(size=(400, 3)) + np.outer(genuine, [1.0, 0.5, -0.4])

    def loss(p):
        x = (scores - scores.mean(0)) / np.sqrt((scores[genuine].var(0).mean() + scores[~genuine].var(0).mean()) / 2)
        margin = np.where(genuine, 1, -1) * (x @ np.exp(p[:3]) + p[3])
        lost = np.log1p(np.exp(-margin))
        return (
            lost[genuine].mean() / 2
            + lost[~genuine].mean() / 2
            + 0.05 * ((np.exp(p[:3]) - np.exp(p[:3]).mean()) ** 2).sum()
        )

    searched = minimize(loss, np.zeros(4), method="Nelder-Mead", options={"maxiter": 4000, "fatol": 1e-10}).x
    expected = np.exp(searched[:3]) / np.exp(searched[:3]).sum()
    np.testing.assert_allclose(learn(scores, genuine, 0.05), expected, atol=0.01)
    assert expected[2] < 0.05  # the model that ranks backwards


def test_only_val_images_are_learned_from():
    units = [normalise(vectors(0.7, 32)), normalise(vectors(12.0, 32, seed=1))]
    spoiled = [np.concatenate([u, normalise(vectors(3.0, 32, seed=9 - i))]) for i, u in enumerate(units)]
    clean, mixed = Weighted(WeightedOptions()), Weighted(WeightedOptions())
    clean.fit(units, SITTERS, VAL, 0)
    mixed.fit(spoiled, SITTERS * 2, VAL + ["train"] * len(SITTERS), 0)
    np.testing.assert_array_equal(clean.weights, mixed.weights)


@pytest.mark.parametrize("sitters", [["a"] * 4, ["a", "b", "c", "d"]])
def test_val_images_without_both_sorts_of_pairs_are_refused(sitters):
    units = [normalise(vectors(1.0, 8))[:4]] * 2
    with pytest.raises(SitterError, match=r"4 val images of . sitters give . genuine and . impostor.*Raise split"):
        Weighted(WeightedOptions()).fit(units, sitters, ["val"] * 4, 0)
