"""Options of the loss `adaface`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.params.losses.margin import MarginOptions


class AdaFaceOptions(MarginOptions):
    """AdaFace: cross-entropy of s·cos θ_j, with s·(cos(θ_y + g_angle) − g_add) for the sample's own sitter y."""

    implementation: ClassVar[str] = "pipeline.losses.adaface:AdaFace"
    kind: Literal["adaface"] = "adaface"
    margin: Annotated[float, Field(ge=0, lt=1)] = 0.4
    """m of the formula."""
    concentration: Annotated[float, Field(gt=0)] = 0.333
    """h of the formula."""
    decay: Annotated[float, Field(ge=0, lt=1)] = 0.99
    """Share of their old values that μ and σ keep."""
