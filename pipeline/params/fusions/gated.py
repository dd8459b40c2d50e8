"""Options of the fusion `gated`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.params.fusions.learned import LearnedOptions


class GatedOptions(LearnedOptions):
    """Concatenation with weights that depend on the image, given by a small network."""

    implementation: ClassVar[str] = "pipeline.fusions.gated:Gated"
    kind: Literal["gated"] = "gated"
    hidden: Annotated[int, Field(ge=1, le=1024)] = 16
    """Number of hidden units between the vectors and the weights."""
