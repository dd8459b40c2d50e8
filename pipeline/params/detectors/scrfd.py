"""Options of the detector `scrfd`."""

from __future__ import annotations

from typing import ClassVar, Literal

from pipeline.params.detectors.base import NetworkDetector


class SCRFDOptions(NetworkDetector):
    """SCRFD with landmarks, any size, as InsightFace's model zoo ships it."""

    implementation: ClassVar[str] = "pipeline.faces.detectors.scrfd:SCRFD"
    kind: Literal["scrfd"] = "scrfd"
