"""How many independent impostor pairs a FAR rests on."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.core.numbers import rounded
from pipeline.metrics import all_pairs as module
from pipeline.metrics.all_pairs import all_pairs
from pipeline.metrics.pair_table import Side
from pipeline.metrics.support import effective_pairs, effective_support
from pipeline.params.metrics.all_pairs import AllPairsOptions
from tests.metrics.simulated import context, embedded

SITTERS, IMAGES = 40, 3


def sample(rng: np.random.Generator, of_sitter: float, of_two: float, of_pair: float) -> Side:
    """Scores of all impostor pairs of 3 images of each sitter: chance of both sitters, of these two, of the pair."""
    sitter = np.repeat(np.arange(SITTERS), IMAGES)
    i, j = np.triu_indices(len(sitter), 1)
    keep = sitter[i] != sitter[j]
    a, b = sitter[i][keep], sitter[j][keep]
    by_two = rng.normal(size=(SITTERS, SITTERS))[a, b]
    score = (
        of_sitter * rng.normal(size=SITTERS)[[a, b]].sum(axis=0) + of_two * by_two + of_pair * rng.normal(size=len(a))
    )
    return Side(rounded(score), a.astype(np.int32), b.astype(np.int32), np.ones(len(a)))


@pytest.mark.parametrize(
    "chance",
    [(0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (0.5, 0.0, 1.0), (0.3, 0.6, 0.6)],
    ids=["pairs", "two", "sitters", "all"],
)
def test_effective_pairs_make_the_error_that_a_rate_has_over_many_samples(chance) -> None:
    rng = np.random.default_rng(1)
    limit = 1.3 * np.sqrt(2 * chance[0] ** 2 + chance[1] ** 2 + chance[2] ** 2)
    samples = [sample(rng, *chance) for _ in range(400)]
    rates = np.array([s.mean((s.score >= limit).astype(float)) for s in samples])
    independent = rates.mean() * (1 - rates.mean()) / rates.var()
    estimates = 1 / np.mean([1 / effective_pairs(s, SITTERS, limit) for s in samples])
    assert estimates == pytest.approx(independent, rel=0.25)
    if chance == (0.0, 1.0, 0.0):  # nine pairs of two sitters are one
        assert estimates == pytest.approx(SITTERS * (SITTERS - 1) / 2, rel=0.15)


@pytest.mark.parametrize("streamed", [False, True])
def test_a_far_says_how_many_independent_pairs_it_rests_on(streamed, monkeypatch) -> None:
    if streamed:
        monkeypatch.setattr(module, "EXACT_PAIRS", 0)
    found = all_pairs(context(embedded("p", 30, 5, seed=1), far=(0.3, 0.004)), AllPairsOptions(probe="p")).scalars
    assert 30 < found["effective_impostor@0.004"].value < found["impostor"].value / 2
    assert "fewer than 30 independent false matches" in found["tar@0.004"].note
    assert not found["tar@0.3"].note


def test_the_rules_of_3_and_of_30_go_by_independent_false_matches() -> None:
    assert effective_support(3000, 0.01) == ""
    assert "rule of 30" in effective_support(2999, 0.01)
    assert "rule of 3)" in effective_support(299, 0.01)
    nothing = Side(np.zeros(4), np.array([0, 0, 1, 2], np.int32), np.array([1, 2, 2, 0], np.int32), np.ones(4))
    assert np.isnan(effective_pairs(nothing, 3, 1.0))
