"""Options of the benchmark `pairs`."""

from __future__ import annotations

from typing import ClassVar, Literal

from pipeline.params.metrics.base import BenchmarkOptions


class PairsOptions(BenchmarkOptions):
    """The k-fold protocol of LFW, CFP and AgeDB: accuracy, and VAL at FAR."""

    implementation: ClassVar[str] = "pipeline.metrics.kfold:pairs"
    kind: Literal["pairs"] = "pairs"
    dataset: str
    """Data set that comes with pairs in folds."""
