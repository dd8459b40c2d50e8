"""Paired tests keep their level, and an interval and a p-value agree."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.paired_test import images_of, rejections
from pipeline.metrics.comparisons import Measured, differences, effective


def test_one_sitter_that_owns_half_of_the_pairs_leaves_few_effective_sitters() -> None:
    assert effective(np.ones(50)) == pytest.approx(50)
    images = images_of(60, dominant=True)
    pairs = images * (images - 1) / 2
    assert pairs[0] > pairs[1:].sum()
    assert 2 < effective(pairs) < 5


def test_the_family_is_every_comparison_that_is_handed_in() -> None:
    rng = np.random.default_rng(1)

    def model(value: float) -> Measured:
        return Measured(value, value + rng.normal(0, 0.01, 500))

    measured = {m: {"base": model(0.2), "one": model(0.1), "two": model(0.19)} for m in ("eer", "tar")}
    found = differences(measured, [("one", "base"), ("two", "base")], 0.95, 100)
    assert len(found) == 4
    assert min(d.p for d in found) == pytest.approx(4 * min(d.p_uncorrected for d in found))
    assert [d.significant for d in found] == [True, False, True, False]


def test_a_small_p_value_with_an_interval_over_zero_is_not_significant() -> None:
    """Replicates with a long tail: the standard error says yes, the percentiles say no."""
    tail = np.concatenate([np.full(960, 1.0), np.full(40, -0.001)])
    measured = {"eer": {"a": Measured(0.96, tail), "b": Measured(0.0, np.zeros(1000))}}
    (found,) = differences(measured, [("a", "b")], 0.95, 100)
    assert found.p < 0.05
    assert found.low <= 0 <= found.high
    assert not found.significant


@pytest.mark.slow
def test_the_level_holds_where_one_sitter_owns_most_genuine_pairs() -> None:
    """A true null, 80 times; with as many degrees of freedom as sitters it is rejected too often."""
    by_metric = rejections(80, 30, dominant=True, replicates=100)
    by_all, by_effective = np.mean(list(by_metric.values()), axis=0)
    assert by_effective <= 0.06
    assert by_all > by_effective
