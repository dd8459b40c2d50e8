"""InsightFace's recognisers as ONNX (`glintr100.onnx`, `w600k_r50.onnx`) into a PyTorch IResNet that can be trained.

The export folds the batch normalisation behind each convolution into it and renames the tensors, so they are matched
in the order of the graph, which is that of the forward pass. A folded normalisation becomes one that only adds the
convolution's bias.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.errors import SitterError

# Operators that hold weights, and the module that each becomes.
OPERATORS: dict[str, type[nn.Module]] = {
    "Conv": nn.Conv2d,
    "BatchNormalization": nn.modules.batchnorm._BatchNorm,
    "PRelu": nn.PReLU,
    "Gemm": nn.Linear,
}


def fill_from_onnx(network: nn.Module, file: Path, what: str) -> None:
    """Copy the weights of an ONNX graph into an IResNet whose modules stand in the order of its forward pass.

    Args:
        network: filled in place.
        file: the ONNX file.
        what: the network, named in errors.

    Raises:
        SitterError: the file is no ONNX, or its layers are not those of the network.
    """
    layers = _layers(file)
    folded: Tensor | None = None  # the bias of a convolution whose normalisation was folded into it
    module: Any
    for name, module in network.named_modules():
        if not isinstance(module, tuple(OPERATORS.values())):
            continue
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and folded is not None:
            _only_add(module, folded)
            folded = None
            continue
        kind, values = layers.pop(0) if layers else ("the end", [])
        expected = OPERATORS.get(kind)
        if expected is None or not isinstance(module, expected):
            raise SitterError(f"{file} does not fit {what}: {name} is expected, {kind} was found. Another depth?")
        if kind == "Conv":
            folded = values[1] if len(values) > 1 else None
            values = values[:1]
        own: list[Any] = list(module.parameters())
        if kind == "BatchNormalization":
            own = [module.weight, module.bias, module.running_mean, module.running_var]
        _copy(own, values, f"{file} does not fit {what}: {name}")
    if layers:
        raise SitterError(f"{file} does not fit {what}: {len(layers)} of its layers are left over. Another depth?")


def _layers(file: Path) -> list[tuple[str, list[Tensor]]]:
    """Operators with weights, in order, each with its weights as PyTorch shapes them."""
    import onnx
    from onnx.numpy_helper import to_array

    try:
        graph: Any = onnx.load(str(file)).graph
    except Exception as error:  # protobuf's DecodeError, which is not importable from one place
        raise SitterError(f"{file} is no ONNX file that can be read: {error}. Fetch it again.") from None
    tensors = {t.name: t for t in graph.initializer}
    for node in graph.node:  # equal tensors are kept once, under aliases
        if node.op_type == "Identity" and node.input[0] in tensors:
            tensors[node.output[0]] = tensors[node.input[0]]
    layers = []
    for node in graph.node:
        if node.op_type in OPERATORS:
            arrays = [np.array(to_array(tensors[name]), np.float32) for name in node.input if name in tensors]
            if node.op_type == "Gemm" and not any(a.name == "transB" and a.i for a in node.attribute):
                arrays[0] = arrays[0].T
            if node.op_type == "PRelu":
                arrays[0] = arrays[0].reshape(-1)
            layers.append((node.op_type, [torch.from_numpy(np.ascontiguousarray(a)) for a in arrays]))
    return layers


def _copy(own: list[Any], values: list[Tensor], what: str) -> None:
    if [t.shape for t in own] != [v.shape for v in values]:
        raise SitterError(f"{what} is {[list(v.shape) for v in values]}, not {[list(t.shape) for t in own]}.")
    for tensor, value in zip(own, values, strict=True):
        tensor.data.copy_(value)


def _only_add(norm: nn.modules.batchnorm._BatchNorm, bias: Tensor) -> None:
    """Make a normalisation x → x + bias."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.weight.data.fill_(1)
    norm.bias.data.copy_(bias)
    norm.running_mean.zero_()
    norm.running_var.fill_(1 - norm.eps)
