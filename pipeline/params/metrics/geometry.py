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
    """Data set whose test images are looked at."""
    centres: str | None = None
    """Data set with whose train sitters' mean embeddings the images are compared; null: with learned class centres
    only."""
    centres_from: Annotated[tuple[Literal["train", "val"], ...], Field(min_length=1)] = ("train",)
    """Images of that data set of whose sitters the means are: train, val (of sitters known from training, split kind
    `images`: images that no centre was fitted to), or both beside each other."""
    listed: bool = False
    """Take the genuine pairs that the data set comes with; otherwise all."""
