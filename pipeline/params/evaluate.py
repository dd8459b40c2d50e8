"""Section `evaluate`: benchmarks that evaluate every model and fusion."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Annotated, Literal

from pydantic import Field

from pipeline.core.registry import Strict
from pipeline.params.metrics import Benchmark
from pipeline.params.metrics.base import ComparisonOptions


class Bootstrap(Strict):
    """Confidence intervals by resampling sitters."""

    replicates: Annotated[int, Field(ge=100)] = 1000
    """Number of resamplings."""
    level: Annotated[float, Field(gt=0, lt=1)] = 0.95
    """Confidence level: the share of resamplings that an interval covers."""


class Evaluate(Strict):
    """Benchmarks and statistics."""

    benchmarks: dict[str, Benchmark]
    """Benchmarks by their names in the tables."""
    far: Annotated[tuple[Annotated[float, Field(gt=0, lt=1)], ...], Field(min_length=1)] = (0.01, 0.001)
    """False accept rates at which true accept rates are reported."""
    bootstrap: Bootstrap = Bootstrap()
    """Settings of confidence intervals."""
    baseline: str | dict[str, str] | None = None
    """The model that every other one is tested against, declared beforehand: one for all benchmarks, or one for each
    benchmark. Holm's correction then covers only these comparisons (see `family`)."""
    family: Literal["benchmark", "study"] = "benchmark"
    """Comparisons with the baseline that are corrected for together. benchmark: all models and primary figures of each
    benchmark by itself. study: the same over all benchmarks."""
    primary: tuple[str, ...] = ()
    """The figures that the declared question is about, such as `tar@0.01`; the report answers the first one in words.
    By default, the figure that ranks the models of a benchmark."""
    calibration: Literal["logistic", "pav", "none"] = "logistic"
    """How scores become likelihood ratios in `all-pairs` and `template-pairs`: by logistic or by isotonic regression
    (PAV), fitted on validation sitters where there are at least 5, else by folds of the test sitters (in
    `template-pairs` always); none: no calibration."""
    trained_sitters: Literal["keep", "exclude"] = "keep"
    """What to do with test sitters who, by their name, train a model in another data set. keep: they count, and a
    warning gives their number. exclude: their images count in no benchmark and for no model, so that all use the same
    pairs."""

    def compared(self, painted: AbstractSet[str]) -> list[tuple[str, str]]:
        """Return the pairs of different data sets that a benchmark compares, neither of them painted."""
        benchmarks = self.benchmarks.values()
        both = {(b.probe, b.other) for b in benchmarks if isinstance(b, ComparisonOptions) and b.other}
        return sorted((probe, other) for probe, other in both if not {probe, other} & painted)
