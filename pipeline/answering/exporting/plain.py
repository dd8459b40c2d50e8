"""A model as a folder: weights in safetensors, and a Python file that computes with them and needs only torch.

The Python file is written from the graph of `torch.export`, so that every architecture becomes a plain list of
operations.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from pipeline.answering.exporting.network import Exported
from pipeline.core.errors import SitterError
from pipeline.core.files import atomic_file
from pipeline.store.models import WEIGHTS

NETWORK, EXAMPLE = "network.py", "example.py"
HEAD = '''"""{name}: pixels of aligned faces to vectors of length 1. Written by Sitter from the graph of torch.export.

    weights = safetensors.torch.load_file("weights.safetensors")
    vectors = embed(weights, {inputs})

{shapes}
"""

import torch


@torch.inference_mode()
def embed(weights, {inputs}):
    """Return float32 [n, {dim}]; the dot product of two rows is the score."""
'''
SAMPLE = '''"""Load {name} and embed a face: torch, safetensors and OpenCV are enough."""

import json

import cv2
import numpy as np
import torch
from network import embed
from safetensors.torch import load_file

weights, inputs = load_file("weights.safetensors"), json.load(open("model.json"))["inputs"]


def vector(image, landmarks):
    """uint8 [h, w, 3] RGB and five landmarks [5, 2] in its pixels to float32 [{dim}]; eyes, nose, mouth corners."""
    pixels = []
    for one in inputs:
        a, b = np.array(landmarks) @ (1, 1j), np.array(one["landmarks"]) @ (1, 1j)  # points as complex numbers
        turn = np.vdot(a - a.mean(), b - b.mean()) / np.vdot(a - a.mean(), a - a.mean())  # least squares
        shift = b.mean() - turn * a.mean()
        move = np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])
        face = cv2.warpAffine(image, move, (one["size"], one["size"]))
        pixels.append(torch.from_numpy(face.transpose(2, 0, 1)[None].astype(np.float32)))
    return embed(weights, *pixels)[0]
'''


def write_plain(module: Exported, folder: Path, name: str, dim: int) -> None:
    """Write `network.py`, `weights.safetensors` and `example.py` into an existing folder.

    Raises:
        SitterError: torch.export cannot follow the network.
    """
    names = [one.name for one in module.inputs]
    code, weights = _plain(module, name)
    shapes = "\n".join(
        f"{one.name} is float32 [n, 3, {one.template.size}, {one.template.size}], RGB, 0 … 255, the face aligned so "
        "that its landmarks lie where model.json says."
        for one in module.inputs
    )
    head = HEAD.format(name=name, inputs=", ".join(names), shapes=shapes, dim=dim)
    (folder / NETWORK).write_text(head + code, encoding="utf-8")
    (folder / EXAMPLE).write_text(SAMPLE.format(name=name, dim=dim), encoding="utf-8")
    with atomic_file(folder / WEIGHTS) as part:
        save_file({key: value.contiguous().clone() for key, value in weights.items()}, part)


def _plain(module: Exported, name: str) -> tuple[str, dict[str, Tensor]]:
    """Return the lines of `embed`, and the tensors that it uses."""
    faces = torch.export.Dim("faces", min=1)
    examples = tuple(torch.rand(2, 3, one.template.size, one.template.size) * 255 for one in module.inputs)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program: Any = torch.export.export(module, examples, dynamic_shapes=(tuple({0: faces} for _ in examples),))
    except Exception as error:  # torch.export has many exception classes
        raise SitterError(f"{name}: torch.export cannot follow the network: {str(error).splitlines()[0]}") from None
    signature = program.graph_signature
    known: dict[str, Tensor] = {**program.state_dict, **program.constants}
    places = {
        **signature.inputs_to_parameters,
        **signature.inputs_to_buffers,
        **signature.inputs_to_lifted_tensor_constants,
    }
    body = re.split(r"def forward\(self, (.*?)\):\n", program.graph_module.code, maxsplit=1)
    given = [part.split(":")[0].strip() for part in body[1].split(",")]
    free = [argument for argument in given if argument not in places]
    lines = [f"    {argument} = weights[{places[argument]!r}]" for argument in given if argument in places]
    lines += [
        f"    {argument} = {one.name}"
        for argument, one in zip(free, module.inputs, strict=True)
        if argument != one.name
    ]
    text = "\n".join(lines) + "\n" + body[2].rstrip() + "\n"
    text = re.sub(r"return \((\w+),\)\s*$", r"return \1\n", text)
    return text, {places[argument]: known[places[argument]] for argument in given if argument in places}
