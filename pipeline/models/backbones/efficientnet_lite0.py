"""EfficientNet-Lite0 trained on ImageNet: a generic network that was not trained for faces.

It is Google's network (github.com/tensorflow/tpu, efficientnet/lite; Tan and Le 2019, arXiv 1905.11946) as timm builds
it, with TensorFlow's asymmetric padding and with pixels minus 127, divided by 128. The vector is the pooled features
before the classifier.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

from torch import nn

from pipeline.core.errors import SitterError
from pipeline.core.layout import HERE, Layout
from pipeline.models.alignment_templates import arcface
from pipeline.models.backbone import Backbone
from pipeline.models.weights import fill, read_state
from pipeline.params.backbones.efficientnet_lite0 import EfficientNetLite0Options
from pipeline.store.weights import weights_file


class EfficientNetLite0(Backbone):
    """EfficientNet-Lite0, ImageNet: RGB to 1280 pooled features."""

    mean = (127.0, 127.0, 127.0)
    scale = (128.0, 128.0, 128.0)
    dim = 1280
    roles = EfficientNetLite0Options.roles

    def __init__(self, options: EfficientNetLite0Options, at: Layout = HERE) -> None:
        import pipeline.core.torchvision_ops  # noqa: F401, I001  (timm imports torchvision)
        import timm

        super().__init__()
        self.template = arcface(options.size)
        net: Any = timm.create_model("tf_efficientnet_lite0", pretrained=False)
        if options.weights is not None:
            self.weights_file = file = weights_file(options.weights, at)
            _fill(net, file)
        stages = OrderedDict[str, nn.Module](stem=_named(conv_stem=net.conv_stem, bn1=net.bn1))
        for i, row in enumerate(net.blocks):
            stages.update({f"block{i}_{j}": block for j, block in enumerate(row)})
        stages["top"] = _named(conv_head=net.conv_head, bn2=net.bn2)
        stages["pool"] = net.global_pool
        self.stages = nn.Sequential(stages)


def _named(**modules: nn.Module) -> nn.Sequential:
    return nn.Sequential(OrderedDict(modules))


def _fill(net: nn.Module, file: Path) -> None:
    """Fill the network from a file: its tensors have other names than timm's, but stand in timm's order."""
    state, own = read_state(file), net.state_dict()
    if len(state) != len(own):
        raise SitterError(
            f"{file} does not fit EfficientNet-Lite0: it holds {len(state)} tensors, not {len(own)}. Expected "
            "efficientnet-lite0-57934424.pth or a state dict of timm's tf_efficientnet_lite0."
        )
    named = state if state.keys() == own.keys() else dict(zip(own, state.values(), strict=True))
    fill(net, named, file, "EfficientNet-Lite0")
