"""Options of the loss `arcface`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.params.losses.margin import MarginOptions


class ArcFaceOptions(MarginOptions):
    """ArcFace: cross-entropy of s·cos θ_j, with s·cos(θ_y + m) for the sample's own sitter y."""

    implementation: ClassVar[str] = "pipeline.losses.arcface:ArcFace"
    kind: Literal["arcface"] = "arcface"
    margin: Annotated[float, Field(ge=0, lt=1.5708)] = 0.5
    """m of the formula, in radians."""
