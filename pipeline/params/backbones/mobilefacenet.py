"""Options of the backbone `mobilefacenet`."""

from __future__ import annotations

from typing import ClassVar, Literal

from pipeline.params.backbones.base import BackboneOptions, Roles


class MobileFaceNetOptions(BackboneOptions):
    """MobileFaceNet on ArcFace's 112×112 crop."""

    implementation: ClassVar[str] = "pipeline.models.backbones.mobilefacenet:MobileFaceNet"
    roles: ClassVar[Roles] = {"conv": ("expand", "project", "pointwise"), "fc": ("fc",)}
    kind: Literal["mobilefacenet"] = "mobilefacenet"
    weights: str | None = None
    """mobilefacenet.pt; null: random initial weights."""
    features: bool = False
    """Take the 512 features before the last layer instead of the vector that the layer makes of them."""
