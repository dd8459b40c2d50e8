"""Options of the backbones: networks that turn a face into a vector, one kind in each module."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline.core.registry import by_kind
from pipeline.params.backbones.clip import CLIPOptions
from pipeline.params.backbones.dlib_resnet29 import DlibResNet29Options
from pipeline.params.backbones.efficientnet_lite0 import EfficientNetLite0Options
from pipeline.params.backbones.iresnet import IResNetOptions
from pipeline.params.backbones.mobilefacenet import MobileFaceNetOptions
from pipeline.params.backbones.onnx_network import ONNXNetworkOptions
from pipeline.params.backbones.timm_vit import TimmViTOptions

Backbone = Annotated[
    DlibResNet29Options
    | EfficientNetLite0Options
    | IResNetOptions
    | MobileFaceNetOptions
    | CLIPOptions
    | TimmViTOptions
    | ONNXNetworkOptions,
    Field(discriminator="kind"),
]
BACKBONES = by_kind(Backbone)
"""The option classes of the backbones, by kind."""
