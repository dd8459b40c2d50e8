"""Options of the face detectors, one kind in each module."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline.core.registry import by_kind
from pipeline.params.detectors.aligned import AlignedOptions
from pipeline.params.detectors.retinaface_mobilenet import RetinaFaceMobileNetOptions
from pipeline.params.detectors.retinaface_resnet50 import RetinaFaceResNet50Options
from pipeline.params.detectors.scrfd import SCRFDOptions

Detector = Annotated[
    RetinaFaceMobileNetOptions | RetinaFaceResNet50Options | SCRFDOptions | AlignedOptions,
    Field(discriminator="kind"),
]
DETECTORS = by_kind(Detector)
"""The option classes of the detectors, by kind."""
