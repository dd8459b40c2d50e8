"""Options of the detector `retinaface-resnet50`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.params.detectors.base import NetworkDetector


class RetinaFaceResNet50Options(NetworkDetector):
    """RetinaFace-ResNet50: slower and stronger, on a GPU where there is one."""

    implementation: ClassVar[str] = "pipeline.faces.detectors.retinaface_resnet50:RetinaFaceResNet50"
    kind: Literal["retinaface-resnet50"] = "retinaface-resnet50"
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.7
    """Detections with a lower score are dropped."""
