"""Options of the loss `subcentre-arcface`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.params.losses.margin import MarginOptions


class SubcentreArcFaceOptions(MarginOptions):
    """Sub-centre ArcFace: ArcFace, where a sitter has K centres and θ is the angle to the nearest of them."""

    implementation: ClassVar[str] = "pipeline.losses.subcentre_arcface:SubcentreArcFace"
    kind: Literal["subcentre-arcface"] = "subcentre-arcface"
    subcentres: Annotated[int, Field(ge=1)] = 3
    """K, the number of centres of a sitter."""
    margin: Annotated[float, Field(ge=0, lt=1.5708)] = 0.5
    """m of ArcFace's formula, in radians."""
    scale: Annotated[float, Field(gt=0)] = 64.0
    """s of ArcFace's formula."""
