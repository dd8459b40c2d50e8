"""Options of the benchmark `linear-probe`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.params.metrics.base import BenchmarkOptions


class LinearProbeOptions(BenchmarkOptions):
    """Predict a column of the manifest (artist, style, … or the century of `year`) from the embeddings, linearly."""

    implementation: ClassVar[str] = "pipeline.metrics.linear_probe:linear_probe"
    kind: Literal["linear-probe"] = "linear-probe"
    dataset: str
    """Data set with the images to predict from."""
    predict: Annotated[str, Field(min_length=1)]
    """Column of the data set's manifest, or `century`."""
    folds: Annotated[int, Field(ge=2)] = 10
    """Folds of the cross-validation."""
    images: Literal["test", "all"] = "test"
    """Images to use: images of test sitters, or all."""

    def counts_nobody_as_missing(self) -> bool:
        """Return True."""
        return True
