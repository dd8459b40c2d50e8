from __future__ import annotations

import numpy as np
import pytest

from pipeline.metrics.comparisons import ReplicatedScalar, differences, holm
from pipeline.metrics.intervals import (
    ScoredPairs,
    draws,
    interval,
    resample,
    verification_replicates,
)
from pipeline.metrics.levels import level_replicates
from pipeline.metrics.verification import d_prime, eer, roc, tally, tar_at_far

GENUINE_MEAN, SITTER_SPREAD, IMPOSTOR_SPREAD, FAR = 3.0, 0.7, 0.5, 0.05


def simulate(seed: int, sitters: int, images: int, decimals: int = 12) -> ScoredPairs:
    """Scores with an effect of each sitter: of one on its genuine pairs, of two on an impostor pair."""
    rng = np.random.default_rng(seed)
    own, other = rng.normal(0, SITTER_SPREAD, sitters), rng.normal(0, IMPOSTOR_SPREAD, sitters)
    i, j = np.triu_indices(sitters * images, 1)
    a, b = (i // images).astype(np.int32), (j // images).astype(np.int32)
    same = a == b
    score = np.where(same, GENUINE_MEAN + own[a], other[a] + other[b]) + rng.normal(size=len(a))
    score = np.round(score, decimals)
    return ScoredPairs(score[same], a[same], score[~same], a[~same], b[~same], sitters)


def compared(values, replicates, sitters):
    """The comparison of models a and b in one figure."""
    measured = {"eer": {name: ReplicatedScalar(values[name], replicates[name]) for name in "ab"}}
    return differences(measured, [("a", "b")], 0.95, sitters)


def test_replicates_are_what_the_replicates_own_pairs_give():
    pairs = simulate(1, sitters=8, images=4, decimals=1)  # rounded: full of ties
    drawn = resample(8, 50, seed=1)
    found = verification_replicates(pairs, [drawn], (0.1, 0.01))
    for r, m in enumerate(drawn):
        counts = tally(
            np.repeat(pairs.genuine, m[pairs.genuine_sitter]),
            np.repeat(pairs.impostor, m[pairs.impostor_a] * m[pairs.impostor_b]),
        )
        assert found["eer"][r] == pytest.approx(eer(roc(counts))[0], abs=1e-12)
        assert found["tar"][r] == pytest.approx([tar_at_far(roc(counts), f)[0] for f in (0.1, 0.01)], abs=1e-12)
        assert found["d_prime"][r] == pytest.approx(d_prime(counts), rel=1e-9)


def test_a_replicate_without_genuine_pairs_is_undefined_and_the_others_are_not():
    pairs = ScoredPairs(
        np.array([1.0]), np.array([0], np.int32), np.array([0.5]), np.array([0], np.int32), np.array([1], np.int32), 2
    )
    found = verification_replicates(pairs, [np.array([[2, 0], [1, 1], [0, 2]], dtype=np.int32)], (0.1,))
    assert np.isnan(found["eer"]).tolist() == [True, False, True]


def test_levels_of_score_give_nearly_the_same_replicates():
    pairs = simulate(2, sitters=20, images=6)
    drawn = resample(20, 200, seed=1)
    exact = verification_replicates(pairs, [drawn], (0.1, 0.05))
    edges = np.unique(np.quantile(np.r_[pairs.genuine, pairs.impostor], np.linspace(0, 1, 400)))
    level = np.searchsorted(edges, pairs.genuine, side="right") - 1
    genuine = np.zeros((20, len(edges)), dtype=np.int64)
    np.add.at(genuine, (pairs.genuine_sitter, level), 1)
    impostor = np.zeros((20, 20, len(edges)), dtype=np.int64)
    level = np.searchsorted(edges, pairs.impostor, side="right") - 1
    np.add.at(impostor, (pairs.impostor_a, pairs.impostor_b, level), 1)
    whole = tally(pairs.genuine, pairs.impostor)
    found = level_replicates(edges, genuine, impostor, drawn, (0.1, 0.05), whole, d_prime(whole))
    assert np.abs(found["eer"] - exact["eer"]).max() < 0.005
    assert np.abs(found["tar"] - exact["tar"]).max() < 0.03
    assert np.abs(found["d_prime"] - exact["d_prime"]).max() < 0.05
    for name in ("eer", "d_prime"):
        assert interval(found[name], 0.95, 20) == pytest.approx(interval(exact[name], 0.95, 20), abs=0.03)


@pytest.mark.slow
def test_95_percent_intervals_cover_the_truth_about_95_times_in_100():
    from scipy import stats

    genuine, impostor = np.hypot(1, SITTER_SPREAD), np.sqrt(1 + 2 * IMPOSTOR_SPREAD**2)
    true_eer = stats.norm.sf(GENUINE_MEAN / (genuine + impostor))
    true_tar = stats.norm.sf((stats.norm.isf(FAR) * impostor - GENUINE_MEAN) / genuine)
    simulations, sitters = 300, 40
    covered = np.zeros(2)
    independent = 0  # as if pairs were independent: what resampling sitters is for
    for seed in range(simulations):
        pairs = simulate(seed, sitters, images=3)
        found = verification_replicates(pairs, draws(sitters, 250, seed), (FAR,))
        for n, (values, truth) in enumerate(((found["eer"], true_eer), (found["tar"][:, 0], true_tar))):
            low, high = interval(values, 0.95, sitters)
            covered[n] += low <= truth <= high
        tar = tar_at_far(roc(tally(pairs.genuine, pairs.impostor)), FAR)[0]
        error = 1.96 * np.sqrt(tar * (1 - tar) / len(pairs.genuine))
        independent += abs(tar - true_tar) <= error
    assert (covered / simulations >= 0.92).all(), covered / simulations
    assert (covered / simulations <= 0.98).all(), covered / simulations
    assert independent / simulations < 0.9


@pytest.mark.slow
def test_equal_models_differ_significantly_about_5_times_in_100():
    sitters, simulations, found = 30, 200, 0
    for seed in range(simulations):
        drawn = resample(sitters, 200, seed)
        pairs = [simulate(seed * 2 + n, sitters, 3) for n in (0, 1)]
        replicates = {n: verification_replicates(p, [drawn], ())["eer"] for n, p in zip("ab", pairs, strict=True)}
        values = {n: eer(roc(tally(p.genuine, p.impostor)))[0] for n, p in zip("ab", pairs, strict=True)}
        found += compared(values, replicates, sitters)[0].p < 0.05
    assert 0.01 <= found / simulations <= 0.09, found / simulations


def test_a_difference_is_seen_pair_by_pair_where_intervals_overlap():
    """A model that is a little better on every sitter is better, however much the sitters differ."""
    sitters = 30
    pairs = simulate(5, sitters, 4)
    better = ScoredPairs(pairs.genuine + 0.4, *list(vars(pairs).values())[1:])
    drawn = resample(sitters, 500, 1)
    replicates = {n: verification_replicates(p, [drawn], ())["eer"] for n, p in (("a", pairs), ("b", better))}
    values = {n: eer(roc(tally(p.genuine, p.impostor)))[0] for n, p in (("a", pairs), ("b", better))}
    assert interval(replicates["a"], 0.95, sitters)[0] < interval(replicates["b"], 0.95, sitters)[1]
    (difference,) = compared(values, replicates, sitters)
    assert difference.low > 0
    assert difference.p < 0.05
    (nothing,) = compared(dict.fromkeys("ab", values["a"]), dict.fromkeys("ab", replicates["a"]), sitters)
    assert (nothing.difference, nothing.p) == (0, 1)


def test_holm_is_the_step_down_correction():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1, 1]
    assert holm([]) == []


def test_few_sitters_or_undefined_replicates_give_no_interval():
    assert interval(np.arange(100.0), 0.95, units=4) is None
    assert interval(np.r_[np.arange(50.0), np.full(50, np.nan)], 0.95, units=20) is None


def test_the_same_seed_draws_the_same_sitters():
    assert (resample(20, 100, 1) == resample(20, 100, 1)).all()
    assert (resample(20, 100, 1) != resample(20, 100, 2)).any()
    assert (resample(20, 100, 1).sum(axis=1) == 20).all()
