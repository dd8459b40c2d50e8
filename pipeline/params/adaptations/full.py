"""Options of the adaptation `full`."""

from __future__ import annotations

from typing import ClassVar, Literal

from pipeline.core.registry import Options


class FullOptions(Options):
    """Train all parameters, except those that the backbone itself keeps frozen."""

    implementation: ClassVar[str] = "pipeline.models.adaptations.full:Full"
    kind: Literal["full"] = "full"
