"""Section `evaluate`: benchmarks that every model and fusion is judged by."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipeline.core.registry import Strict
from pipeline.params.metrics import Benchmark


class Bootstrap(Strict):
    """Confidence intervals by resampling sitters."""

    replicates: Annotated[int, Field(ge=100)] = 1000
    level: Annotated[float, Field(gt=0, lt=1)] = 0.95


class Evaluate(Strict):
    """What is measured."""

    benchmarks: dict[str, Benchmark]
    far: Annotated[tuple[Annotated[float, Field(gt=0, lt=1)], ...], Field(min_length=1)] = (0.01, 0.001)
    """False accept rates at which the true accept rate is given."""
    bootstrap: Bootstrap = Bootstrap()
    baseline: str | dict[str, str] | None = None
    """The model that every other one is tested against, declared beforehand: one for all benchmarks, or one by
    benchmark. Holm's correction is then over these comparisons alone, in each benchmark."""
    primary: tuple[str, ...] = ()
    """The figures that the declared question is about, such as `tar@0.01`, the first of which is answered in words; by
    default, the one that ranks the models of a benchmark."""
    calibration: Literal["logistic", "pav", "none"] = "logistic"
    """How scores become likelihood ratios in `all-pairs`: by logistic or by isotonic regression (PAV), fitted on
    validation sitters where there are at least 5, else by folds of the test sitters; none: not at all."""
    trained_sitters: Literal["keep", "exclude"] = "keep"
    """Test sitters who train a model in another data set, by their name. keep: they count, and a warning says how many
    there are. exclude: no benchmark counts their images, for no model, so that all are judged on the same pairs."""
