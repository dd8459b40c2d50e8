"""Options of the loss `cosface`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.params.losses.margin import MarginOptions


class CosFaceOptions(MarginOptions):
    """CosFace: cross-entropy of s·cos θ_j, with s·(cos θ_y − m) for the sample's own sitter y."""

    implementation: ClassVar[str] = "pipeline.losses.cosface:CosFace"
    kind: Literal["cosface"] = "cosface"
    margin: Annotated[float, Field(ge=0, lt=2)] = 0.35
    """m of the formula."""
