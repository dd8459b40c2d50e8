"""dlib's face descriptor network in PyTorch, read from its `.dat` file without dlib.

It is a ResNet of 29 layers from 150×150 RGB to 128 values (King 2017, "High quality face recognition with deep metric
learning"; dlib's examples/dnn_metric_learning_on_images_ex.cpp defines it). As a PyTorch module it can be fine-tuned
and adapted by LoRA.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.core.alignment import Template
from pipeline.core.errors import SitterError
from pipeline.core.file_types import instead
from pipeline.core.layout import HERE, Layout
from pipeline.models.backbone import Backbone
from pipeline.params.backbones.dlib_resnet29 import DlibResNet29Options
from pipeline.store.weights import weights_file

# The five landmarks in the 150×150 chip that dlib cuts out by its own 5- or 68-point model.
POINTS = ((48.26, 46.06), (101.74, 46.06), (75.00, 76.53), (52.74, 99.88), (97.26, 99.88))
# Channels and stride of each block.
BLOCKS = [(32, 1)] * 3 + [(64, 2)] + [(64, 1)] * 3 + [(128, 2)] + [(128, 1)] * 2 + [(256, 2)] + [(256, 1)] * 2
BLOCKS += [(256, 2)]
# Version 2 of dlib's tensors: packed integers (number of bytes, bytes), then float32 values, little-endian.
VERSION = b"\x01\x02"


class Affine(nn.Module):
    """A scale and a shift for each channel: batch normalisation after training."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, C, H, W] to the same shape."""
        return x * self.weight[:, None, None] + self.bias[:, None, None]


class Block(nn.Module):
    """conv – affine – relu – conv – affine, plus the input, then relu.

    With stride 2, the first convolution has no padding and the input is averaged over 2×2. The smaller addend is padded
    with zeros, in channels and in space, as dlib's `add_prev` does.
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1 if stride == 1 else 0)
        self.affine1 = Affine(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1)
        self.affine2 = Affine(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, inputs, H, W] to [B, outputs, H', W']."""
        y = self.affine2(self.conv2(F.relu(self.affine1(self.conv1(x)))))
        if self.stride == 2:
            x = F.avg_pool2d(x, 2)
        shape = [max(a, b) for a, b in zip(x.shape[1:], y.shape[1:], strict=True)]
        return F.relu(_fill_up(y, shape) + _fill_up(x, shape))


def _fill_up(x: Tensor, shape: list[int]) -> Tensor:
    """Return [B, C, H, W], padded with zeros after its channels, rows and columns up to `shape`."""
    c, h, w = (n - m for n, m in zip(shape, x.shape[1:], strict=True))
    return F.pad(x, (0, w, 0, h, 0, c)) if c or h or w else x


class DlibResNet29(Backbone):
    """dlib's face descriptor network: 150×150 RGB to 128 values, trained on 3 million photographs."""

    template = Template(np.array(POINTS, np.float32), 150)
    mean = (122.782, 117.001, 104.298)
    scale = (256.0, 256.0, 256.0)
    dim = 128
    roles = DlibResNet29Options.roles

    def __init__(self, options: DlibResNet29Options, at: Layout = HERE) -> None:
        super().__init__()
        stem = OrderedDict[str, nn.Module](conv=nn.Conv2d(3, 32, 7, 2), affine=Affine(32), relu=nn.ReLU())
        stem["pool"] = nn.MaxPool2d(3, 2)
        stages = OrderedDict[str, nn.Module](stem=nn.Sequential(stem))
        inputs = 32
        for n, (outputs, stride) in enumerate(BLOCKS, 1):
            stages[f"block{n}"] = Block(inputs, outputs, stride)
            inputs = outputs
        stages["pool"] = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.stages = nn.Sequential(stages)
        self.stages.add_module("fc", nn.Linear(inputs, self.dim, bias=False))
        if options.weights is not None:
            self.weights_file = weights_file(options.weights, at)
            fill_from_dat(self, self.weights_file)
        if options.features:
            self.dim = inputs
            del self.stages.fc


def fill_from_dat(network: DlibResNet29, file: Path) -> None:
    """Read the weights from dlib's serialised network.

    The file has the layers in order from the input, each with one tensor of all its parameters: a convolution has
    weights [out, in, kh, kw] and then biases, an affine layer has scales and then shifts, and the last, fully connected
    layer has [in, out]. Settings and gradients stand between them, so each tensor is found by its header, which holds
    its shape.

    Raises:
        SitterError: a layer's tensor is not in the file.
    """
    data = file.read_bytes()
    position = 0
    for name, module in network.named_modules():
        own = list(module.parameters(recurse=False))
        if not own:
            continue
        count = sum(p.numel() for p in own)
        shape = [count // network.dim, network.dim, 1, 1] if isinstance(module, nn.Linear) else [count, 1, 1, 1]
        header = VERSION + b"".join(_packed(n) for n in shape)
        start = data.find(header, position) + len(header)
        position = start + 4 * count
        if start < len(header) or position > len(data):
            raise SitterError(
                f"{file} does not fit dlib's ResNet-29: "
                + (f"{what}. " if (what := instead(file)) else f"the {count} parameters of {name} are not in it. ")
                + "Expected "
                "dlib_face_recognition_resnet_model_v1.dat (unpacked, 22,466,066 bytes)."
            )
        values = torch.from_numpy(np.frombuffer(data, "<f4", count, start).copy())
        for parameter, part in zip(own, torch.split(values, [p.numel() for p in own]), strict=True):
            parameter.data.copy_(part.view(shape[:2]).T if isinstance(module, nn.Linear) else part.view_as(parameter))


def _packed(number: int) -> bytes:
    """Return a positive integer as dlib serialises it: the number of bytes, then the bytes, lowest first."""
    size = (number.bit_length() + 7) // 8
    return bytes([size]) + number.to_bytes(size, "little")
