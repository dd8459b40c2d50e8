"""Options of the benchmark `kfold`."""

from __future__ import annotations

from typing import ClassVar, Literal

from pipeline.params.metrics.base import BenchmarkOptions


class KfoldOptions(BenchmarkOptions):
    """The k-fold protocol of LFW, CFP and AgeDB: accuracy, and VAL at FAR."""

    implementation: ClassVar[str] = "pipeline.metrics.kfold:kfold"
    kind: Literal["kfold"] = "kfold"
    dataset: str
    """Data set that comes with pairs in folds."""
