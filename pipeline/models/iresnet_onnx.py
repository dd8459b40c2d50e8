"""Load InsightFace's ONNX recognisers (`glintr100.onnx`, `w600k_r50.onnx`) into a PyTorch IResNet that can be trained.

The ONNX export folds the batch normalisation after each convolution into the convolution, and renames the tensors. So
tensors are matched in the order of the graph, which is the order of the forward pass. A folded normalisation becomes
one that only adds the convolution's bias. The order does not show which layer's output goes where, so the result is
checked: a random image must give the same vector as in ONNX Runtime.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.core.errors import SitterError
from pipeline.core.file_types import instead
from pipeline.faces.session import session, tried
from pipeline.formats.companions import check_companions

# Operators with weights, and the module that each becomes.
OPERATORS: dict[str, type[nn.Module]] = {
    "Conv": nn.Conv2d,
    "BatchNormalization": nn.modules.batchnorm._BatchNorm,
    "PRelu": nn.PReLU,
    "Gemm": nn.Linear,
}
# Least cosine between our vector and ONNX Runtime's for a random image.
AGREEMENT = 0.9999


def fill_from_onnx(network: nn.Module, file: Path, what: str) -> None:
    """Copy the weights of an ONNX graph into an IResNet with its modules in the order of the forward pass.

    Args:
        network: the network, which is filled in place.
        file: the ONNX file.
        what: name of the network, for messages.

    Raises:
        SitterError: the file is no ONNX, or its layers or its vectors differ from the network's.
    """
    layers = _layers(file, what)
    folded: Tensor | None = None  # the bias of a convolution with a folded normalisation
    module: Any
    for name, module in network.named_modules():
        if not isinstance(module, tuple(OPERATORS.values())):
            continue
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and folded is not None:
            _only_add(module, folded)
            folded = None
            continue
        kind, values, settings = layers.pop(0) if layers else ("the end", [], {})
        expected = OPERATORS.get(kind)
        if expected is None or not isinstance(module, expected):
            raise SitterError(f"{file} does not fit {what}: {name} is expected, {kind} was found. Another depth?")
        if kind == "Conv":
            folded = values[1] if len(values) > 1 else None
            values = values[:1]
        own: list[Any] = list(module.parameters())
        if kind == "BatchNormalization":
            own = [module.weight, module.bias, module.running_mean, module.running_var]
            module.eps = settings.get("epsilon", module.eps)
        _copy(own, values, f"{file} does not fit {what}: {name}")
    if layers:
        raise SitterError(f"{file} does not fit {what}: {len(layers)} of its layers are left over. Another depth?")
    _check_vectors(network, file, what)


def _check_vectors(network: nn.Module, file: Path, what: str) -> None:
    """Raise SitterError unless a random image gives the same vector as in ONNX Runtime."""
    graph = session(file, torch.get_num_threads())
    given = graph.get_inputs()[0]
    batch = given.shape[0] if isinstance(given.shape[0], int) else 1
    image = np.random.default_rng(0).normal(0, 0.5, (batch, 3, 112, 112)).astype(np.float32)
    expected = torch.from_numpy(tried(graph, file, {given.name: image})[0])
    training = network.training
    with torch.no_grad():
        found = network.eval()(torch.from_numpy(image))
    network.train(training)
    cosine = nn.functional.cosine_similarity(found.double(), expected.double()).min().item()
    if not cosine >= AGREEMENT:
        raise SitterError(
            f"{file} has the layers of {what}, but connects them otherwise: the cosine of its vector and ours is "
            f"{cosine:.4f}. Use it as it is: backbone: {{kind: onnx}}."
        )


def _layers(file: Path, what: str) -> list[tuple[str, list[Tensor], dict[str, Any]]]:
    """Return the operators with weights in order, each with its weights in PyTorch's shapes, and with its attributes.

    Raises:
        SitterError: the file is no ONNX, or other operators hold weights, too.
    """
    import onnx
    from onnx.helper import get_attribute_value
    from onnx.numpy_helper import to_array

    check_companions(file)
    try:
        graph: Any = onnx.load(str(file)).graph
    except Exception as error:  # protobuf's DecodeError, which has no single place to import it from
        said = instead(file) or str(error)
        raise SitterError(f"{file} is no ONNX file that can be read: {said}. Fetch it again.") from None
    tensors = {t.name: t for t in graph.initializer}
    for node in graph.node:  # equal tensors are stored once, under aliases
        if node.op_type == "Identity" and node.input[0] in tensors:
            tensors[node.output[0]] = tensors[node.input[0]]
    layers, rest = [], {t.name for t in graph.initializer if t.data_type == onnx.TensorProto.FLOAT}
    for node in graph.node:
        if node.op_type in OPERATORS:
            settings = {a.name: get_attribute_value(a) for a in node.attribute}
            rest -= {tensors[name].name for name in node.input if name in tensors}
            arrays = [np.array(to_array(tensors[name]), np.float32) for name in node.input if name in tensors]
            if not arrays:  # they are computed: quantised, or a slice of another tensor
                raise SitterError(
                    f"{file} does not fit {what}: its {node.op_type} {node.name!r} holds no weights of its own. "
                    "Use it as it is: backbone: {kind: onnx}."
                )
            if node.op_type == "Gemm" and not settings.get("transB"):
                arrays[0] = arrays[0].T
            if node.op_type == "PRelu":
                arrays[0] = arrays[0].reshape(-1)
            layers.append((node.op_type, [torch.from_numpy(np.ascontiguousarray(a)) for a in arrays], settings))
    if rest:
        names = ", ".join(sorted(rest)[:4]) + (" …" if len(rest) > 4 else "")
        raise SitterError(
            f"{file} does not fit {what}: {len(rest)} of its tensors belong to no layer of an IResNet ({names}). "
            "Use it as it is: backbone: {kind: onnx}."
        )
    return layers


def _copy(own: list[Any], values: list[Tensor], what: str) -> None:
    if [t.shape for t in own] != [v.shape for v in values]:
        raise SitterError(f"{what} is {[list(v.shape) for v in values]}, not {[list(t.shape) for t in own]}.")
    for tensor, value in zip(own, values, strict=True):
        tensor.data.copy_(value)


def _only_add(norm: nn.modules.batchnorm._BatchNorm, bias: Tensor) -> None:
    """Turn a normalisation into x → x + bias."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.weight.data.fill_(1)
    norm.bias.data.copy_(bias)
    norm.running_mean.zero_()
    norm.running_var.fill_(1 - norm.eps)
