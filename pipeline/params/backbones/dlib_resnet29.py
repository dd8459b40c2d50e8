"""Options of the backbone `dlib-resnet29`."""

from __future__ import annotations

from typing import ClassVar, Literal

from pipeline.params.backbones.base import BackboneOptions, Roles


class DlibResNet29Options(BackboneOptions):
    """dlib's face descriptor network, which turns 150×150 RGB into 128 values; trained on 3 million photographs."""

    implementation: ClassVar[str] = "pipeline.models.backbones.dlib_resnet29:DlibResNet29"
    roles: ClassVar[Roles] = {"conv": ("conv1", "conv2"), "fc": ("fc",)}
    kind: Literal["dlib-resnet29"] = "dlib-resnet29"
    weights: str | None = None
    """dlib_face_recognition_resnet_model_v1.dat; null: random initial weights."""
    features: bool = False
    """Take the 256 features before the last layer instead of the vector that the layer makes of them."""
