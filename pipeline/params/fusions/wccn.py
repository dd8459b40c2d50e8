"""Options of the fusion `wccn`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.core.registry import Options


class WithinClassOptions(Options):
    """Unit vectors, whitened by the covariance within sitters, then concatenated with equal weights."""

    implementation: ClassVar[str] = "pipeline.fusions.wccn:WithinClass"
    kind: Literal["wccn"] = "wccn"
    shrink: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Share of the identity matrix in the covariance; 1 is plain concatenation."""
