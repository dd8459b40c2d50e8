"""Likelihood ratios against the published formulas, written out independently."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pipeline.metrics.intervals import ScoredPairs, resample
from pipeline.metrics.pair_table import exact_table
from pipeline.metrics.verification import tally
from pipeline.scoring.calibration.cost import cllr, cross_entropy
from pipeline.scoring.calibration.elub import elub
from pipeline.scoring.calibration.fit import fit
from pipeline.scoring.calibration.measure import calibrated
from pipeline.scoring.calibration.out_of_sample import by_folds
from pipeline.scoring.calibration.pav import pav
from pipeline.scoring.calibration.replicated import minimum, minimum_replicates
from pipeline.store.curves import CrossEntropy, Tippett

RNG = np.random.default_rng(4)
GENUINE, IMPOSTOR = RNG.normal(1.5, 1, 60), RNG.normal(0, 1, 400)


def cllr_by_hand(genuine, impostor):
    """Brümmer & du Preez 2006, eq. 1, pair by pair."""
    first = sum(math.log2(1 + 1 / math.exp(x)) if x > -700 else math.inf for x in genuine) / len(genuine)
    return (first + sum(math.log2(1 + math.exp(x)) for x in impostor) / len(impostor)) / 2


def pav_by_hand(scores, labels):
    """Pool adjacent violators with lists of blocks; equal scores are one block from the start."""
    blocks = []
    for score in sorted(set(scores)):
        here = [lab for s, lab in zip(scores, labels, strict=True) if s == score]
        blocks.append([sum(here), len(here), [score]])
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] >= blocks[-1][0] / blocks[-1][1]:
            one, total, held = blocks.pop()
            blocks[-1] = [blocks[-1][0] + one, blocks[-1][1] + total, blocks[-1][2] + held]
    return {s: one / total for one, total, held in blocks for s in held}


def test_cllr_is_the_published_formula():
    ones, many = np.ones(60), np.ones(400)
    assert cllr(GENUINE, IMPOSTOR, ones, many) == pytest.approx(cllr_by_hand(GENUINE, IMPOSTOR))
    assert cllr(np.zeros(3), np.zeros(2), np.ones(3), np.ones(2)) == 1
    assert cllr(np.array([np.inf]), np.array([-np.inf]), np.ones(1), np.ones(1)) == 0
    # At even odds, the empirical cross-entropy is Cllr.
    assert cross_entropy(GENUINE, IMPOSTOR, ones, many, np.zeros(1))[0] == pytest.approx(
        cllr_by_hand(GENUINE, IMPOSTOR)
    )


@pytest.mark.parametrize("decimals", [8, 1])
def test_pav_pools_adjacent_violators(decimals):
    genuine, impostor = np.round(GENUINE, decimals), np.round(IMPOSTOR, decimals)
    counts = tally(genuine, impostor)
    share = pav_by_hand([*genuine, *impostor], [1] * 60 + [0] * 400)
    expected = []
    for score in counts.scores:
        p = share[score]
        odds = math.inf if p == 1 else p / (1 - p)
        expected.append(math.log(odds * 400 / 60) if odds else -math.inf)
    assert pav(counts) == pytest.approx(expected)
    by_score = dict(zip(counts.scores, expected, strict=True))
    worst = cllr_by_hand([by_score[s] for s in genuine], [by_score[s] for s in impostor])
    assert minimum(counts) == pytest.approx(worst)


def test_logistic_regression_finds_the_true_llr():
    """Two normals of one variance: the LLR is (d · score) − d²/2, whatever the numbers of pairs."""
    rng = np.random.default_rng(1)
    found = fit(tally(rng.normal(1.5, 1, 4000), rng.normal(0, 1, 60_000)), "logistic")
    at = np.array([-0.5, 0.75, 2.0])
    assert found(at) == pytest.approx(1.5 * at - 1.125, abs=0.12)


def test_bounds_are_those_of_the_published_rule():
    """ELUB by a loop over thresholds, and its limits: with n impostor pairs no LR reaches n + 1."""
    llr_g, llr_i = 3 * GENUINE - 2, 3 * IMPOSTOR - 2
    low, high = elub(llr_g, llr_i, np.ones(60), np.ones(400))

    def worth(t):
        fnr, fmr = (np.sum(llr_g <= t) + 1) / 61, (np.sum(llr_i > t) + 1) / 401
        return min(1.0, math.exp(t)) / (fnr + math.exp(t) * fmr)

    up, down = 0.0, 0.0
    while worth(up + 0.01) >= 1:
        up += 0.01
    while worth(down - 0.01) >= 1:
        down -= 0.01
    assert (low, high) == pytest.approx((down, up), abs=0.011)
    assert -math.log(61) <= low < 0 < high <= math.log(401)
    perfect = elub(np.full(60, 50.0), np.full(400, -50.0), np.ones(60), np.ones(400))
    limits = math.log(401 / 400 / 61), math.log(401 * 60 / 61)  # where t = 1/61 + t/401, and 1 = 1/61 + t/401
    assert perfect == pytest.approx(limits, abs=0.011)
    # Scores that say nothing support nothing.
    assert elub(np.zeros(60), np.zeros(400), np.ones(60), np.ones(400)) == pytest.approx((0, 0), abs=0.011)


def pairs(sitters=20, images=4, seed=2):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(sitters, 1, 12)) + 0.9 * rng.normal(size=(sitters, images, 12))
    x = x.reshape(-1, 12)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    sitter = np.repeat(np.arange(sitters), images).astype(np.int32)
    i, j = np.triu_indices(len(x), 1)
    scores, same = (x @ x.T)[i, j], sitter[i] == sitter[j]
    return ScoredPairs(scores[same], sitter[i][same], scores[~same], sitter[i][~same], sitter[j][~same], sitters)


@pytest.mark.parametrize("method", ["logistic", "pav"])
def test_by_folds_no_pair_is_calibrated_on_its_own_sitters(method):
    """The LLRs of one sitter's pairs stay as they are when his own scores are changed."""
    given = pairs()
    before = by_folds(exact_table(given), method, seed=1)
    own = given.genuine_sitter == 7
    changed = ScoredPairs(
        np.where(own, -0.9, given.genuine), given.genuine_sitter, given.impostor, given.impostor_a, given.impostor_b, 20
    )
    after = by_folds(exact_table(changed), method, seed=1)
    mine = (given.impostor_a == 7) | (given.impostor_b == 7)
    assert np.array_equal(before.impostor[mine], after.impostor[mine])
    assert not np.array_equal(before.impostor[~mine], after.impostor[~mine])


def test_replicates_of_the_minimum_are_those_of_each_replicates_own_pairs():
    given = pairs()
    table = exact_table(given)
    drawn = resample(20, 20, 1)
    found = minimum_replicates(table, lambda: iter([drawn]))
    expected = [
        minimum(
            tally(given.genuine, given.impostor, m[given.genuine_sitter], m[given.impostor_a] * m[given.impostor_b])
        )
        for m in drawn
    ]
    assert found == pytest.approx(expected, abs=0.01)


def test_a_model_is_calibrated_and_measured():
    table = exact_table(pairs(40))
    drawn = resample(40, 200, 1)
    scalars, curves = calibrated(table, None, 0, lambda: iter([drawn]), method="logistic", seed=1)
    assert 0 < scalars["cllr_min"].value < scalars["cllr"].value < 0.9
    assert scalars["cllr_cal"].value == pytest.approx(scalars["cllr"].value - scalars["cllr_min"].value)
    assert "5 folds" in scalars["cllr"].note
    low, high = np.quantile(scalars["cllr"].replicates, [0.025, 0.975])
    assert low < scalars["cllr"].value < high
    other = exact_table(pairs(15, seed=9)).tally()
    assert (
        "15 validation sitters"
        in calibrated(table, other, 15, lambda: iter([drawn]), method="pav", seed=1)[0]["cllr"].note
    )
    assert "folds" in calibrated(table, other, 4, lambda: iter([drawn]), method="pav", seed=1)[0]["cllr"].note
    few = calibrated(exact_table(pairs(6)), None, 0, lambda: iter([resample(6, 100, 1)]), method="logistic", seed=1)
    assert few[0]["cllr"].value is None
    assert "too few" in few[0]["cllr"].note
    tippett, _, entropy = curves
    assert isinstance(entropy, CrossEntropy)
    assert (np.asarray(entropy.pav) <= np.asarray(entropy.ece) + 1e-9).all()
    assert entropy.ece[30] == pytest.approx(scalars["cllr"].value)
    assert entropy.neutral[30] == pytest.approx(1)
    assert isinstance(tippett, Tippett)
    assert np.all(np.diff(tippett.genuine) >= 0)
    assert tippett.impostor[-1] == pytest.approx(1)


def test_cost_and_bounds_are_those_of_the_package_lir():
    """Recorded from lir 1.3.1 on the same LLRs: `cllr`, `cllr_min` and `elub`, whose steps are 0.01 in log10."""
    rng = np.random.default_rng(4)
    genuine, impostor = 3 * rng.normal(1.5, 1, 60) - 2, 3 * rng.normal(0, 1, 400) - 2
    ones, many = np.ones(60), np.ones(400)
    assert cllr(genuine, impostor, ones, many) == pytest.approx(0.8359747872490537)
    assert minimum(tally(genuine, impostor)) == pytest.approx(0.6494926887599217)
    assert elub(genuine, impostor, ones, many) == pytest.approx((-1.4046, 1.4506), abs=0.024)
