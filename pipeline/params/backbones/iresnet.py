"""Options of the backbone `iresnet`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.params.backbones.base import BackboneOptions, Roles


class IResNetOptions(BackboneOptions):
    """IResNet 18, 34, 50 or 100 on ArcFace's crop, RGB, (x − 127.5) / 127.5."""

    implementation: ClassVar[str] = "pipeline.models.backbones.iresnet:IResNet"
    roles: ClassVar[Roles] = {"conv": ("conv1", "conv2"), "fc": ("fc",)}
    kind: Literal["iresnet"] = "iresnet"
    depth: Literal[18, 34, 50, 100] = 50
    """Number of layers, as in the name IResNet-50."""
    weights: str | None = None
    """A state dict of arcface_torch, or InsightFace's ONNX; null: random initial weights."""
    embedding: Annotated[int, Field(ge=2)] = 512
    """Length of the vector."""
    width: Annotated[float, Field(gt=0, le=4)] = 1.0
    """Factor on the usual numbers of channels."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Dropout before the last layer, in training."""
    size: Annotated[int, Field(ge=32, le=224, multiple_of=16)] = 112
    """Side of the input; published weights need 112."""
