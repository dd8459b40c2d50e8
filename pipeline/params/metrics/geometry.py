"""Options of the benchmark `geometry`."""

from __future__ import annotations

from typing import ClassVar, Literal

from pipeline.params.metrics.base import BenchmarkOptions


class GeometryOptions(BenchmarkOptions):
    """Alignment, uniformity and similarity of the test images; genuine similarity against the nearest class centre."""

    implementation: ClassVar[str] = "pipeline.metrics.geometry:geometry"
    kind: Literal["geometry"] = "geometry"
    dataset: str
    centres: str | None = None
    listed: bool = False
