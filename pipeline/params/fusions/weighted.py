"""Options of the fusion `weighted`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.core.registry import Options


class WeightedOptions(Options):
    """Unit vectors times √wᵢ, concatenated; the weights are learned from pairs of val images."""

    implementation: ClassVar[str] = "pipeline.fusions.weighted:Weighted"
    kind: Literal["weighted"] = "weighted"
    pull: Annotated[float, Field(ge=0)] = 0.3
    """Strength of the pull towards equal weights; 1 counts as much as one val sitter."""
