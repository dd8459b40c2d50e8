"""IResNet, the network of InsightFace's arcface_torch (Duta et al. 2020, arXiv 2004.04989; ArcFace, arXiv 1801.07698).

With 512 dimensions it has 24.0, 34.1, 43.6 and 65.2 million parameters for depths 18, 34, 50 and 100.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import cast

from torch import Tensor, nn

from pipeline.core.layout import HERE, Layout
from pipeline.models.alignment_templates import arcface
from pipeline.models.backbone import Backbone
from pipeline.models.weights import fill, read_state
from pipeline.params.backbones.iresnet import IResNetOptions
from pipeline.store.weights import weights_file

BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 14, 3), 100: (3, 13, 30, 3)}
CHANNELS = (64, 128, 256, 512)
SHRUNK = 16  # the last feature map is this many times smaller than the input


class Block(nn.Module):
    """bn – conv – bn – prelu – conv – bn, plus the input (through a strided 1×1 convolution where the size changes)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.prelu = nn.PReLU(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, stride, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample = (
            nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
            if stride > 1 or inputs != outputs
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, inputs, H, W] to [B, outputs, H / stride, W / stride]."""
        y = self.prelu(self.bn2(self.conv1(self.bn1(x))))
        return cast(Tensor, self.bn3(self.conv2(y)) + self.downsample(x))


class IResNet(Backbone):
    """IResNet 18, 34, 50 or 100 on ArcFace's crop, RGB, (x − 127.5) / 127.5."""

    mean = (127.5, 127.5, 127.5)
    scale = (127.5, 127.5, 127.5)
    roles = IResNetOptions.roles

    def __init__(self, options: IResNetOptions, at: Layout = HERE) -> None:
        super().__init__()
        self.template, self.dim = arcface(options.size), options.embedding
        channels = [max(1, round(c * options.width)) for c in CHANNELS]
        stem = [("conv1", nn.Conv2d(3, channels[0], 3, 1, 1, bias=False)), ("bn1", nn.BatchNorm2d(channels[0]))]
        stages = OrderedDict[str, nn.Module](stem=nn.Sequential(OrderedDict([*stem, ("prelu", nn.PReLU(channels[0]))])))
        inputs = channels[0]
        for layer, (outputs, blocks) in enumerate(zip(channels, BLOCKS[options.depth], strict=True), 1):
            for block in range(blocks):
                stages[f"layer{layer}_{block}"] = Block(inputs, outputs, stride=1 if block else 2)
                inputs = outputs
        tail = OrderedDict[str, nn.Module](
            bn2=nn.BatchNorm2d(inputs), dropout=nn.Dropout(options.dropout), flat=nn.Flatten()
        )
        tail["fc"] = nn.Linear(inputs * (options.size // SHRUNK) ** 2, options.embedding)
        tail["features"] = nn.BatchNorm1d(options.embedding)
        tail["features"].weight.requires_grad_(False)  # only centres: a scale of its own would undo the margin
        self.stages = nn.Sequential(OrderedDict([*stages.items(), ("tail", nn.Sequential(tail))]))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, 0, 0.1)
        if options.weights is not None:
            wide = f" of width {options.width:g}" if options.width != 1 else ""
            self._load(weights_file(options.weights, at), f"IResNet{options.depth}{wide}")

    def _load(self, file: Path, what: str) -> None:
        self.weights_file = file
        if file.suffix == ".onnx":
            from pipeline.models.iresnet_onnx import fill_from_onnx

            fill_from_onnx(self, file, what)
        else:
            state = read_state(file)
            names = {stage_name(name): value for name, value in state.items()}
            fill(self, names, file, what)


def stage_name(name: str) -> str:
    """Return the name in this network for a name in arcface_torch's state dict.

    >>> stage_name("layer3.12.bn1.weight"), stage_name("prelu.weight"), stage_name("fc.bias")
    ('stages.layer3_12.bn1.weight', 'stages.stem.prelu.weight', 'stages.tail.fc.bias')
    """
    first, _, rest = name.partition(".")
    if first.startswith("layer"):
        block, _, rest = rest.partition(".")
        return f"stages.{first}_{block}.{rest}"
    return f"stages.{'stem' if first in ('conv1', 'bn1', 'prelu') else 'tail'}.{name}"
