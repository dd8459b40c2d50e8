"""Any face recogniser in ONNX, run by ONNX Runtime: frozen, or with a head that is trained on its vectors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.core.alignment import Template
from pipeline.core.errors import SitterError, nearest
from pipeline.core.layout import HERE, Layout
from pipeline.faces.session import session, tried
from pipeline.models.alignment_templates import arcface
from pipeline.models.backbone import Backbone
from pipeline.params.backbones.onnx_network import ONNXNetworkOptions
from pipeline.store.weights import weights_file


class Graph(nn.Module):
    """An ONNX graph from images to vectors, without parameters in PyTorch.

    `held` is the number of its weights.
    """

    def __init__(self, file: Path, layout: str, output: str | None) -> None:
        """Open the graph.

        Args:
            file: the ONNX file.
            layout: layout of its input, "nchw" or "nhwc".
            output: name of the output with the vector; None: there is only one output.

        Raises:
            SitterError: it does not have exactly one input with four axes, or has no output of this name.
        """
        super().__init__()
        self.file, self.channels_last = file, layout == "nhwc"
        self.session = session(file, threads=torch.get_num_threads())
        inputs, outputs = self.session.get_inputs(), [o.name for o in self.session.get_outputs()]
        if len(inputs) != 1 or len(inputs[0].shape) != 4:
            found = ", ".join(f"{i.name} {i.shape}" for i in inputs)
            raise SitterError(f"{file} takes {found}; a recogniser takes only images, [n, 3, height, width].")
        if output is None and len(outputs) > 1:
            raise SitterError(
                f"{file} has {len(outputs)} outputs: set `output` to the one with the vector. {nearest('', outputs)}"
            )
        if output is not None and output not in outputs:
            raise SitterError(f"{file} has no output {output!r}; {nearest(output, outputs)}")
        self.input, self.output = inputs[0].name, output or outputs[0]
        if inputs[0].type != "tensor(float)":
            raise SitterError(
                f"{file} takes {inputs[0].type}; a recogniser takes float32. Export it without half precision or "
                "quantised inputs."
            )
        self.shape = [n if isinstance(n, int) else None for n in inputs[0].shape]
        self.held = _numbers_held(file)

    @property
    def size(self) -> int | None:
        """Return the side of the images, or None if the graph does not fix it."""
        channels, *sides = (self.shape[i] for i in ((3, 1, 2) if self.channels_last else (1, 2, 3)))
        if channels not in (3, None) or sides[0] != sides[1]:
            other = "nchw" if self.channels_last else "nhwc"
            raise SitterError(
                f"{self.file} takes {self.shape}, no square image of three channels; should `layout` be {other}?"
            )
        return sides[0]

    def forward(self, x: Tensor) -> Tensor:
        """Map float32 [B, 3, S, S] to float32 [B, dim]; if the graph has a fixed batch size, batches are padded."""
        x = x.detach().float()
        images = np.ascontiguousarray((x.permute(0, 2, 3, 1) if self.channels_last else x).cpu().numpy())
        step = self.shape[0] or len(images)
        parts = []
        for start in range(0, len(images), step):
            batch = images[start : start + step]
            filled = np.concatenate([batch, np.repeat(batch[-1:], step - len(batch), 0)])
            vectors: Any = tried(self.session, self.file, {self.input: filled}, [self.output])[0]
            parts.append(torch.from_numpy(vectors[: len(batch)].reshape(len(batch), -1)))
        return torch.cat(parts).to(x.device, torch.float32)


def _numbers_held(file: Path) -> int:
    """Return the number of floating-point weights in the graph."""
    import onnx

    graph = onnx.load(str(file), load_external_data=False).graph
    return sum(int(np.prod(t.dims)) for t in graph.initializer if t.data_type == onnx.TensorProto.FLOAT)


class ONNXNetwork(Backbone):
    """Any ONNX recogniser; the options describe its input, which by default is ArcFace's."""

    roles = ONNXNetworkOptions.roles

    def __init__(self, options: ONNXNetworkOptions, at: Layout = HERE) -> None:
        super().__init__()
        self.weights_file = weights_file(options.weights, at)
        graph = Graph(self.weights_file, options.layout, options.output)
        if options.size is not None and graph.size not in (options.size, None):
            raise SitterError(f"{self.weights_file} takes faces of {graph.size} pixels, but size is {options.size}.")
        side = options.size or graph.size
        if side is None:
            raise SitterError(f"{self.weights_file} takes faces of any size: say which it was trained on, by `size`.")
        self.template = (
            arcface(side) if options.points is None else Template(np.array(options.points, np.float32), side)
        )
        self.colour, self.mean, self.scale = options.colour, options.mean, options.scale
        self.stages = nn.Sequential()
        self.stages.add_module("graph", graph)
        self.dim = self(torch.zeros(1, 3, side, side)).shape[1]
