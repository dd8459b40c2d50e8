"""MobileFaceNet, a face recogniser of a million parameters (Chen et al. 2018, arXiv 1804.07573).

This is the network of github.com/foamliu/MobileFaceNet, and takes its weights. It was trained with ArcFace on MS1M, has
ReLU6 instead of the paper's PReLU, and maps 112×112 RGB, normalised by ImageNet's mean and standard deviation, to 128
values.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import cast

from torch import Tensor, nn

from pipeline.core.alignment import ARCFACE
from pipeline.core.layout import HERE, Layout
from pipeline.models.backbone import Backbone
from pipeline.models.weights import fill, read_state
from pipeline.params.backbones.mobilefacenet import MobileFaceNetOptions
from pipeline.store.weights import weights_file

# Expansion, channels, number of blocks, stride of the first block: the paper's table 1.
BOTTLENECKS = ((2, 64, 5, 2), (4, 128, 1, 2), (2, 128, 6, 1), (4, 128, 1, 2), (2, 128, 2, 1))
SIDE = 7  # side of the last feature map, 112 / 2⁴


def _convolved(inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """Return a convolution that keeps the size (except for the stride), and its normalisation."""
    return [nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(outputs)]


def _named(**modules: nn.Module) -> nn.Sequential:
    return nn.Sequential(OrderedDict(modules))


class Bottleneck(nn.Module):
    """1×1 expansion – 3×3 depthwise – linear 1×1 projection, plus the input if the shape stays the same."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = inputs * expansion
        self.adds = stride == 1 and inputs == outputs
        self.expand, self.bn1 = _convolved(inputs, inner)
        self.depthwise, self.bn2 = _convolved(inner, inner, 3, stride, inner)
        self.project, self.bn3 = _convolved(inner, outputs)
        self.relu = nn.ReLU6()

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, inputs, H, W] to [B, outputs, H / stride, W / stride]."""
        y = self.relu(self.bn2(self.depthwise(self.relu(self.bn1(self.expand(x))))))
        y = self.bn3(self.project(y))
        return cast(Tensor, x + y if self.adds else y)


# Names of the parts within each stage: in the file, and here.
PARTS = {
    "conv1": {"0": "conv", "1": "bn"},
    "conv2": {"0": "pointwise", "1": "bn"},
    "features": {"conv.0.0": "expand", "conv.0.1": "bn1", "conv.1.0": "depthwise", "conv.1.1": "bn2"}
    | {"conv.2": "project", "conv.3": "bn3"},
}


class MobileFaceNet(Backbone):
    """MobileFaceNet on ArcFace's 112×112 crop."""

    template = ARCFACE
    mean = (123.675, 116.28, 103.53)
    scale = (58.395, 57.12, 57.375)
    dim = 128
    roles = MobileFaceNetOptions.roles

    def __init__(self, options: MobileFaceNetOptions, at: Layout = HERE) -> None:
        super().__init__()
        conv, bn = _convolved(3, 64, 3, 2)
        stages = OrderedDict[str, nn.Module](conv1=_named(conv=conv, bn=bn, relu=nn.ReLU6()))
        depthwise, bn1 = _convolved(64, 64, 3, 1, 64)
        pointwise, bn2 = _convolved(64, 64)
        stages["dw_conv"] = _named(
            depthwise=depthwise, bn1=bn1, relu1=nn.ReLU(), pointwise=pointwise, bn2=bn2, relu2=nn.ReLU()
        )
        inputs = 64
        for expansion, outputs, blocks, stride in BOTTLENECKS:
            for block in range(blocks):
                name = f"features_{len(stages) - 2}"
                stages[name] = Bottleneck(inputs, outputs, 1 if block else stride, expansion)
                inputs = outputs
        pointwise, bn = _convolved(inputs, 512)
        stages["conv2"] = _named(pointwise=pointwise, bn=bn, relu=nn.ReLU6())
        stages["gdconv"] = _named(depthwise=nn.Conv2d(512, 512, SIDE, groups=512, bias=False), bn=nn.BatchNorm2d(512))
        stages["vector"] = _named(fc=nn.Conv2d(512, self.dim, 1), bn=nn.BatchNorm2d(self.dim), flat=nn.Flatten())
        self.stages = nn.Sequential(stages)
        if options.weights is not None:
            self.weights_file = file = weights_file(options.weights, at)
            state = {stage_name(name): value for name, value in read_state(file).items()}
            fill(self, state, file, "MobileFaceNet", whole=True)
        if options.features:
            self.dim = 512
            self.stages.vector = nn.Flatten()


def stage_name(name: str) -> str:
    """Return the name in this network for a name in the file's state dict.

    >>> stage_name("features.3.conv.1.0.weight"), stage_name("gdconv.bn.bias"), stage_name("conv3.bias")
    ('stages.features_3.depthwise.weight', 'stages.gdconv.bn.bias', 'stages.vector.fc.bias')
    """
    stage, _, rest = name.partition(".")
    parts = PARTS.get(stage, {})
    if stage == "features":
        block, _, rest = rest.partition(".")
        stage = f"features_{block}"
    if stage in ("conv3", "bn"):
        stage, rest = "vector", f"{'fc' if stage == 'conv3' else stage}.{rest}"
    part, _, value = rest.rpartition(".")
    return f"stages.{stage}.{parts.get(part, part)}.{value}"
