"""Options of the detector `aligned`."""

from __future__ import annotations

from typing import ClassVar, Literal

from pipeline.core.registry import Options


class AlignedOptions(Options):
    """Takes each image as it is: a square, aligned to ArcFace's template (112×112, or larger in proportion)."""

    implementation: ClassVar[str] = "pipeline.faces.detectors.aligned:Aligned"
    kind: Literal["aligned"] = "aligned"
