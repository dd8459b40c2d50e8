"""Options of the detector `aligned`."""

from __future__ import annotations

from typing import ClassVar, Literal

from pipeline.core.registry import Options


class AlignedOptions(Options):
    """Takes each image, square and aligned to ArcFace's template (112×112, or that enlarged), as it is."""

    implementation: ClassVar[str] = "pipeline.faces.detectors.aligned:Aligned"
    kind: Literal["aligned"] = "aligned"
