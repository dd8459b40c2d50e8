"""Section `evaluate`: benchmarks that every model and fusion is judged by."""

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
    """How often sitters are drawn anew."""
    level: Annotated[float, Field(gt=0, lt=1)] = 0.95
    """Share of the draws that an interval covers."""


class Evaluate(Strict):
    """What is measured."""

    benchmarks: dict[str, Benchmark]
    """Each has a name, under which it stands in the tables."""
    far: Annotated[tuple[Annotated[float, Field(gt=0, lt=1)], ...], Field(min_length=1)] = (0.01, 0.001)
    """False accept rates at which the true accept rate is given."""
    bootstrap: Bootstrap = Bootstrap()
    """How confidence intervals are made."""
    baseline: str | dict[str, str] | None = None
    """The model that every other one is tested against, declared beforehand: one for all benchmarks, or one by
    benchmark. Holm's correction is then over these comparisons alone (see `family`)."""
    family: Literal["benchmark", "study"] = "benchmark"
    """Which comparisons with the baseline are corrected for together: those of all models and primary figures of each
    benchmark by itself, or those of all benchmarks."""
    primary: tuple[str, ...] = ()
    """The figures that the declared question is about, such as `tar@0.01`, the first of which is answered in words; by
    default, the one that ranks the models of a benchmark."""
    calibration: Literal["logistic", "pav", "none"] = "logistic"
    """How scores become likelihood ratios in `all-pairs`: by logistic or by isotonic regression (PAV), fitted on
    validation sitters where there are at least 5, else by folds of the test sitters; none: not at all."""
    trained_sitters: Literal["keep", "exclude"] = "keep"
    """Test sitters who train a model in another data set, by their name. keep: they count, and a warning says how many
    there are. exclude: no benchmark counts their images, for no model, so that all are judged on the same pairs."""

    def compared(self, painted: AbstractSet[str]) -> list[tuple[str, str]]:
        """Return the pairs of different data sets that a benchmark compares, neither of them painted."""
        benchmarks = self.benchmarks.values()
        both = {(b.probe, b.other) for b in benchmarks if isinstance(b, ComparisonOptions) and b.other}
        return sorted((probe, other) for probe, other in both if not {probe, other} & painted)
