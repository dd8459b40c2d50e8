"""Options of the fusion `plda`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.core.registry import Options


class TwoCovarianceOptions(Options):
    """Log likelihood ratio of one sitter to two, for normal distributions within and between sitters (PLDA)."""

    implementation: ClassVar[str] = "pipeline.fusions.plda:TwoCovariance"
    kind: Literal["plda"] = "plda"
    shrink: Annotated[float, Field(gt=0, le=1)] = 0.9
    """Share of the identity matrix in the covariance within sitters."""
    shrink_between: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Share of the identity matrix in the covariance between sitters."""
