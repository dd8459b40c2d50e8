"""Paired tests keep their level, and an interval and a p-value agree."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.paired_test import images_of, rejections
from pipeline.metrics.comparisons import ReplicatedScalar, differences, effective


def test_one_sitter_that_owns_half_of_the_pairs_leaves_few_effective_sitters() -> None:
    assert effective(np.ones(50)) == pytest.approx(50)
    images = images_of(60, dominant=True)
    pairs = images * (images - 1) / 2
    assert pairs[0] > pairs[1:].sum()
    assert 2 < effective(pairs) < 5


def test_the_family_is_every_comparison_that_is_handed_in() -> None:
    rng = np.random.default_rng(1)

    def model(value: float) -> ReplicatedScalar:
        return ReplicatedScalar(value, value + rng.normal(0, 0.01, 500))

    measured = {m: {"base": model(0.2), "one": model(0.1), "two": model(0.19)} for m in ("eer", "tar")}
    found = differences(measured, [("one", "base"), ("two", "base")], 0.95, 100)
    assert len(found) == 4
    assert min(d.p for d in found) == pytest.approx(4 * min(d.p_uncorrected for d in found))
    assert [d.significant for d in found] == [True, False, True, False]


def test_replicates_with_a_long_tail_give_no_small_p_value() -> None:
    """The standard error alone would say p < 0.05, though the percentiles hold zero."""
    tail = np.concatenate([np.full(960, 1.0), np.full(40, -0.001)])
    measured = {"eer": {"a": ReplicatedScalar(0.96, tail), "b": ReplicatedScalar(0.0, np.zeros(1000))}}
    (found,) = differences(measured, [("a", "b")], 0.95, 100)
    assert found.p > 0.05
    assert found.low <= 0 <= found.high
    assert not found.significant


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_an_interval_and_its_p_value_never_contradict_each_other(level: float) -> None:
    """Over skewed, tied, shifted and partly undefined replicates of all sizes of difference."""
    rng, both = np.random.default_rng(1), [0, 0]
    for n in range(600):
        spread = rng.exponential(0.01, 200) - 0.01 if n % 2 else np.round(rng.normal(0, 0.01, 200), 2 + n % 3)
        shift = rng.normal(0, 0.03)
        spread[: n % 15] = np.nan
        measured = {
            "eer": {
                "a": ReplicatedScalar(shift + rng.normal(0, 0.002), shift + spread),
                "b": ReplicatedScalar(0.0, np.zeros(200)),
            }
        }
        (found,) = differences(measured, [("a", "b")], level, 20, effective_units=rng.uniform(3, 20))
        apart = not found.low <= 0 <= found.high
        assert apart == (found.p < 1 - level) == found.significant
        both[apart] += 1
    assert min(both) > 50


@pytest.mark.slow
def test_the_level_holds_where_one_sitter_owns_most_genuine_pairs() -> None:
    """A true null, 80 times; with as many degrees of freedom as sitters it is rejected too often."""
    by_metric = rejections(80, 30, dominant=True, replicates=100)
    by_all, by_effective = np.mean(list(by_metric.values()), axis=0)
    assert by_effective <= 0.06
    assert by_all > by_effective
