"""Options of the fusion `concat`."""

from __future__ import annotations

from typing import ClassVar, Literal

from pipeline.core.registry import Options


class ConcatOptions(Options):
    """Unit vectors, one after the other, scaled to length 1 (ArtFace, arXiv 2508.20626)."""

    implementation: ClassVar[str] = "pipeline.fusions.concat:Concat"
    kind: Literal["concat"] = "concat"
