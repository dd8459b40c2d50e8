"""Options of the backbone `efficientnet-lite0`."""

from __future__ import annotations

from typing import ClassVar, Literal

from pipeline.params.backbones.base import BackboneOptions, Roles


class EfficientNetLite0Options(BackboneOptions):
    """EfficientNet-Lite0 for ImageNet: it turns RGB into 1280 pooled features."""

    implementation: ClassVar[str] = "pipeline.models.backbones.efficientnet_lite0:EfficientNetLite0"
    roles: ClassVar[Roles] = {"conv": ("conv_pw", "conv_pwl", "conv_head")}
    kind: Literal["efficientnet-lite0"] = "efficientnet-lite0"
    weights: str | None = None
    """efficientnet-lite0-….pth; null: random initial weights."""
    size: Literal[112, 160, 224] = 112
    """Side of the input; it was trained on ImageNet with 224, but stored faces have 112 pixels."""
