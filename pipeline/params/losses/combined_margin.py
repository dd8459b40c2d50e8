"""Options of the loss `combined-margin`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.params.losses.margin import MarginOptions


class CombinedMarginOptions(MarginOptions):
    """Combined margin: cross-entropy of s·cos θ_j, with s·(cos(m1 θ_y + m2) − m3) for the sample's own sitter y."""

    implementation: ClassVar[str] = "pipeline.losses.combined_margin:CombinedMargin"
    kind: Literal["combined-margin"] = "combined-margin"
    m1: Annotated[float, Field(gt=0)] = 1.0
    """Factor of the angle."""
    m2: Annotated[float, Field(ge=0, lt=1.5708)] = 0.3
    """Angle to add, in radians."""
    m3: Annotated[float, Field(ge=0, lt=2)] = 0.2
    """Value to subtract from the cosine."""
