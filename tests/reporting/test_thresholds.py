"""Tests of the box that says which threshold to use."""

from __future__ import annotations

from typing import Any

from pipeline.reporting.series import Series
from pipeline.reporting.thresholds import CHOSEN, NOT_CHOSEN, thresholds
from pipeline.store.benchmarks import Benchmark
from pipeline.store.figures import Shown, from_record

OWN = {"eer_threshold": 0.31, "threshold@0.01": 0.4321987}
CHOSEN_ONES = {"val_threshold@0.01": -0.41, "fmr@val_threshold@0.01": 0.012, "fnmr@val_threshold@0.01": 0.25}


def benchmark(**by_model: dict[str, Any]) -> Benchmark:
    shown = {name: Shown(False, None) for values in by_model.values() for name in values}
    metrics = {model: from_record(values) for model, values in by_model.items()}
    return Benchmark("photographs", "all-pairs", "photos", "photos", shown, metrics)


def test_the_box_gives_the_errors_at_the_validation_threshold() -> None:
    looks = {"dlib": Series("dlib", "frozen", 0)}
    found = thresholds(benchmark(dlib={**OWN, **CHOSEN_ONES}), looks)
    assert found is not None
    assert found.advice == CHOSEN
    ((_, (equal, one)),) = found.rows
    assert (one.aim, one.own, one.chosen) == ("FMR 1%", 0.4321987, -0.41)
    assert (one.fmr.value, one.fnmr.value) == (0.012, 0.25)
    assert (equal.aim, equal.own, equal.chosen) == ("equal errors", 0.31, None)


def test_thresholds_of_the_test_alone_are_said_to_be_too_good() -> None:
    found = thresholds(benchmark(dlib=OWN), {"dlib": Series("dlib", "frozen", 0)})
    assert found is not None
    assert found.advice == NOT_CHOSEN


def test_a_benchmark_without_thresholds_has_no_box() -> None:
    assert thresholds(benchmark(dlib={"rank-1": 0.5}), {"dlib": Series("dlib", "frozen", 0)}) is None
