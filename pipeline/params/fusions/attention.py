"""Options of the fusion `attention`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.params.fusions.learned import LearnedOptions


class AttendedOptions(LearnedOptions):
    """Concatenation of vectors that attend to each other, weighted by the attention that they receive."""

    implementation: ClassVar[str] = "pipeline.fusions.attention:Attended"
    kind: Literal["attention"] = "attention"
    rank: Annotated[int, Field(ge=1, le=1024)] = 8
    """Length of queries, keys and values."""
