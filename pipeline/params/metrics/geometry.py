"""Options of the benchmark `geometry`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.params.metrics.base import BenchmarkOptions


class GeometryOptions(BenchmarkOptions):
    """Alignment, uniformity and similarity of the test images; genuine similarity against the nearest class centre."""

    implementation: ClassVar[str] = "pipeline.metrics.geometry:geometry"
    kind: Literal["geometry"] = "geometry"
    dataset: str
    """Data set with the test images to measure."""
    centres: str | None = None
    """Data set with the train sitters for comparison, by their mean embeddings; null: compare only with learned
    class centres."""
    centres_from: Annotated[tuple[Literal["train", "val"], ...], Field(min_length=1)] = ("train",)
    """Images in that data set that give the mean embeddings: train, val (images of sitters known from training, with
    split kind `images`, to which no centre was fitted), or both side by side."""
    listed: bool = False
    """true: take the genuine pairs that the data set comes with. false: take all genuine pairs."""
