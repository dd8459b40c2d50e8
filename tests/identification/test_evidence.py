"""What a list of candidates claims comes true: on simulated scores whose likelihood ratios are known."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.core.numbers import Floats
from pipeline.identification.evidence import Calibrations, equal, posteriors
from pipeline.identification.known import CalibratedCell, band, judge, share
from pipeline.identification.search import Searches

SITTERS, EACH, APART = 60, 5, 3.0


def simulated(seed: int, sitters: int = SITTERS, each: int = EACH) -> tuple[Searches, list[str]]:
    """Scores N(APART, 1) with the own sitter and N(0, 1) with others: the natural LLR of s is APART·s − APART²/2."""
    rng = np.random.default_rng(seed)
    names = [f"s{n:03}" for n in range(sitters)]
    own = [name for name in names for _ in range(each)]
    scores = rng.normal(size=(len(own), sitters))
    scores[np.arange(len(own)), np.repeat(np.arange(sitters), each)] += APART
    return Searches(names, scores, np.zeros(scores.shape, np.int64)), own


def true_llr(scores: Floats) -> Floats:
    return APART * scores - APART**2 / 2


def calibrations(searches: Searches, own: list[str], **changes: object) -> Calibrations:
    options: dict[str, object] = {"method": "logistic", "normalise": False, "seed": 1} | changes
    return Calibrations(searches, own, set(own), **options)  # type: ignore[arg-type]


def test_the_ratios_are_the_known_ones_within_their_bounds() -> None:
    searches, own = simulated(1)
    fitted = calibrations(searches, own)
    new = np.random.default_rng(9).normal(1.5, 1.5, (200, SITTERS))
    found = fitted.of_question(Searches(searches.sitters, new, np.zeros(new.shape, np.int64)))
    true = np.clip(true_llr(new), found.low, found.high)
    assert np.abs(found.llr - true).max() < 0.6
    assert (found.low < -1).all()
    assert (found.high > 3).all()
    assert (found.high < np.log(len(own) * SITTERS)).all()


@pytest.mark.parametrize("method", ["pav", "logistic"])
@pytest.mark.parametrize("normalise", [False, True])
@pytest.mark.parametrize("prior", [0.5, 0.1])
def test_claimed_and_observed_shares_agree_within_their_intervals(method: str, normalise: bool, prior: float) -> None:
    """Over seeds, since one in twenty intervals may miss: claims of fitted lists, against what is then true."""
    missed = counted = boasts = 0
    for seed in range(4):
        searches, own = simulated(10 + seed)
        fitted = calibrations(searches, own, method=method, normalise=normalise)
        for cell in judge(searches, own, fitted.of_known(), prior, 3).cells:
            if cell.sitters >= 10 and not bounded(cell):
                counted += 1
                missed += not cell.low <= cell.claimed <= cell.high
            if cell.rank and cell.sitters >= 10:
                boasts += cell.claimed > cell.high
    assert counted >= 20
    assert missed <= 0.1 * counted
    assert boasts <= 0.05 * counted


def bounded(cell: CalibratedCell) -> bool:
    """Cells of ratios near the bound, which by design claim too little; "none of these" is claimed too often then."""
    return cell.band in ("100 to 1,000", "1,000 to 10,000", "")


def test_a_claim_that_is_false_is_found_out() -> None:
    """The measure of truth itself can fail: ratios to the third power claim too much."""
    searches, own = simulated(3)
    evidence = calibrations(searches, own).of_known()
    boasting = type(evidence)(evidence.scores, 3 * evidence.llr, evidence.low, evidence.high)
    cells = judge(searches, own, boasting, 0.5, 3).cells
    assert any(cell.sitters >= 10 and not cell.low <= cell.claimed <= cell.high for cell in cells)


def test_posteriors_follow_bayes_and_rule_out_whom_a_person_has_ruled_out() -> None:
    llr = np.log(np.array([[8.0, 2.0, 0.5]]))
    thought = posteriors(llr, 0.4)
    numerators = 0.4 / 3 * np.array([8.0, 2.0, 0.5])
    total = 0.6 + numerators.sum()
    np.testing.assert_allclose(thought.candidates[0], numerators / total)
    np.testing.assert_allclose(thought.none[0], 0.6 / total)
    np.testing.assert_allclose(thought.none_llr[0], np.log(3 / 10.5))
    without = posteriors(llr, 0.4, np.array([[True, False, False]]))
    rest = 0.6 + numerators[1:].sum()
    np.testing.assert_allclose(without.candidates[0], [0, *(numerators[1:] / rest)])
    np.testing.assert_allclose(without.none[0], 0.6 / rest)


def test_sitters_outside_a_gallery_do_not_count_in_it() -> None:
    thought = posteriors(np.array([[np.log(4.0), -np.inf]]), 0.5)
    np.testing.assert_allclose(thought.candidates[0], [0.8, 0.0])
    assert posteriors(np.full((1, 2), -np.inf), 0.5).none[0] == 1.0


def test_huge_ratios_do_not_overflow() -> None:
    thought = posteriors(np.array([[5000.0, 0.0], [-5000.0, -5000.0]]), 0.5)
    np.testing.assert_allclose(thought.candidates[0], [1.0, 0.0], atol=1e-12)
    np.testing.assert_allclose(thought.none, [0.0, 1.0], atol=1e-12)


def test_no_ratio_comes_from_the_sitters_that_it_is_about() -> None:
    """Turn the scores of one sitter upside down, as probe and as candidate: the ratios of those scores stay as the
    others' calibration has them."""
    searches, own = simulated(5)
    before = calibrations(searches, own)
    changed = searches.scores.copy()
    mine = np.array([name == "s007" for name in own])
    changed[mine] *= -1
    changed[:, 7] *= -1
    after = calibrations(Searches(searches.sitters, changed, searches.best), own)
    fold = before.folds["s007"]
    for other in range(-1, 5):
        a, b = sorted((fold, other))
        assert before.fit(a, b) is not None
        np.testing.assert_array_equal(before.fit(a, b).knots, after.fit(a, b).knots)  # type: ignore[union-attr]
    elsewhere = next(f for f in range(5) if f != fold)
    assert before.fit(elsewhere, elsewhere).bounds != after.fit(elsewhere, elsewhere).bounds  # type: ignore[union-attr]


def test_sitters_whom_the_model_has_learned_from_calibrate_nothing() -> None:
    searches, own = simulated(6)
    learned = {f"s{n:03}" for n in range(20)}
    fitted = Calibrations(searches, own, set(own) - learned, method="pav", normalise=True, seed=1)
    assert not learned & fitted.folds.keys()
    assert len(fitted.sitters) == SITTERS - 20


def test_too_few_known_sitters_give_no_ratios() -> None:
    searches, own = simulated(7, sitters=9)
    assert "it takes 10" in calibrations(searches, own).trouble()
    searches, own = simulated(7, sitters=12, each=1)
    searches.scores[np.arange(12), np.arange(12)] = -np.inf  # a sitter's only portrait is not compared with itself
    assert "two portraits" in calibrations(searches, own).trouble()


def test_each_sitter_counts_as_one() -> None:
    np.testing.assert_allclose(equal(["a", "b", "a", "a"]), [1 / 3, 1, 1 / 3, 1 / 3])


def test_the_interval_of_a_share_is_wilsons_for_the_effective_number_of_sitters() -> None:
    right, units = np.repeat([True, False], [6, 4]), np.arange(10)
    observed, low, high = share(right, np.ones(10), units)
    assert observed == 0.6
    np.testing.assert_allclose([low, high], [0.3127, 0.8318], atol=1e-4)  # R: binom.confint(6, 10, method = "wilson")
    wider = share(right, np.ones(10), units // 5)
    assert wider[1] < low
    assert wider[2] > high


def test_every_ratio_has_a_band() -> None:
    names = [band(float(x)) for x in np.linspace(-6, 12, 500)]
    assert len(set(names)) == 9
    assert names[0] == "below 1/1,000"
    assert names[-1] == "1,000,000 and more"
