"""Options of the detector `retinaface-mobilenet`."""

from __future__ import annotations

from typing import ClassVar, Literal

from pipeline.params.detectors.base import NetworkDetector


class RetinaFaceMobileNetOptions(NetworkDetector):
    """RetinaFace-MobileNet0.25: small, fast, and good on paintings."""

    implementation: ClassVar[str] = "pipeline.faces.detectors.retinaface_mobilenet:RetinaFaceMobileNet"
    kind: Literal["retinaface-mobilenet"] = "retinaface-mobilenet"
