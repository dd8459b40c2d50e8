"""A model or linear fusion as one PyTorch module, from the pixels of aligned faces to vectors of length 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.answering.faces import Face
from pipeline.answering.recogniser import FusedRecogniser, Network, Recogniser
from pipeline.core.alignment import Template
from pipeline.core.errors import SitterError
from pipeline.models.load import Embedder
from pipeline.store.exports import ExportedInput

LINEAR = ("concat", "wccn", "weighted", "score")
"""Kinds of fusions that multiply each model's vector by a matrix and scale the result to length 1."""
TINY = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True, eq=False)
class Input:
    """An input of a network."""

    name: str
    template: Template

    def record(self) -> ExportedInput:
        """Return the input for the record of the export."""
        points = [(round(float(x), 4), round(float(y), 4)) for x, y in self.template.points]
        return ExportedInput(self.name, self.template.size, points)


class _OfNetwork(nn.Module):
    """Maps pixels to the network's vector; adds the vector of the mirrored image if the model asks for it."""

    mean: Tensor
    factor: Tensor

    def __init__(self, embedder: Embedder, place: int) -> None:
        super().__init__()
        normalise = embedder.prepare.normalise
        self.network, self.mirror, self.bgr, self.place = embedder.module, embedder.mirror, normalise.bgr, place
        self.register_buffer("mean", normalise.mean.clone())
        self.register_buffer("factor", normalise.factor.clone())

    def forward(self, pixels: Sequence[Tensor]) -> Tensor:
        """Map each input, float32 [n, 3, S, S], RGB, 0 … 255, to float32 [n, d]."""
        x = (pixels[self.place] - self.mean) * self.factor
        x = x.flip(1) if self.bgr else x
        found = cast(Tensor, self.network(x))
        return found + cast(Tensor, self.network(x.flip(3))) if self.mirror else found


class _OfFusion(nn.Module):
    """Scales, centres and multiplies the vectors of the parts, each by a matrix or a number, and joins them."""

    def __init__(self, parts: Sequence[nn.Module], centres: Sequence[Any] | None, maps: Sequence[Any]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)
        for n, part in enumerate(maps):
            self.register_buffer(f"map{n}", torch.as_tensor(np.asarray(part, np.float32)))
        for n, centre in enumerate(centres or ()):
            self.register_buffer(f"centre{n}", torch.as_tensor(np.asarray(centre, np.float32)))
        self.centred = centres is not None

    def forward(self, pixels: Sequence[Tensor]) -> Tensor:
        """Map the inputs as a network does."""
        found = []
        for n, part in enumerate(self.parts):
            unit = _unit(part(pixels))
            if self.centred:
                unit = _unit(unit - getattr(self, f"centre{n}"))
            weight = getattr(self, f"map{n}")
            found.append(_unit(unit @ weight) if weight.dim() == 2 else unit * weight)
        return _unit(torch.cat(found, dim=1))


def _unit(x: Tensor) -> Tensor:
    return cast(Tensor, x / x.norm(dim=1, keepdim=True).clamp_min(TINY))  # type: ignore[no-untyped-call]


class Exported(nn.Module):
    """The whole model or fusion as a module."""

    def __init__(self, recogniser: Recogniser) -> None:
        """Convert a model or fusion.

        Raises:
            SitterError: it is no network, or a fusion that is not linear.
        """
        super().__init__()
        self.inputs: list[Input] = []
        self.whole = self._part(recogniser)
        self.eval().requires_grad_(False)
        self.to(device="cpu", memory_format=torch.contiguous_format)  # type: ignore[call-overload]

    def forward(self, *pixels: Tensor) -> Tensor:
        """Map each input, float32 [n, 3, S, S], RGB, 0 … 255, to float32 [n, d] with rows of length 1."""
        return _unit(self.whole(pixels))

    def _part(self, recogniser: Recogniser) -> nn.Module:
        if isinstance(recogniser, Network):
            if any(hasattr(module, "held") for module in recogniser.embedder.module.modules()):
                raise SitterError(
                    f"{recogniser.name} runs an ONNX graph of its own, which cannot be taken apart: pass on that file "
                    "itself."
                )
            return _OfNetwork(recogniser.embedder, self._place(recogniser.embedder.prepare.template))
        assert isinstance(recogniser, FusedRecogniser)
        fused = recogniser.fused
        kind = recogniser.kind
        if kind not in LINEAR:
            raise SitterError(
                f"{recogniser.name} is a fusion of kind {kind}: its weights or lengths depend on the picture. "
                f"Only fusions of kind {', '.join(LINEAR)} can be exported."
            )
        parts = [self._part(part) for part in recogniser.parts]
        state = fused.kind.state()
        if kind == "wccn":
            maps = [state[f"map.{n}"] for n in range(len(parts))]
        else:
            maps = list(np.sqrt(state.get("weights", np.ones(len(parts), np.float32))).reshape(-1, 1))
        return _OfFusion(parts, fused.centres, maps)

    def _place(self, template: Template) -> int:
        for place, known in enumerate(self.inputs):
            same = known.template.size == template.size
            if same and np.allclose(known.template.points, template.points):
                return place
        name = f"pixels_{template.size}"
        taken = sum(known.name.startswith(name) for known in self.inputs)
        self.inputs.append(Input(f"{name}_{taken + 1}" if taken else name, template))
        return len(self.inputs) - 1

    def pixels(self, faces: Sequence[Face]) -> list[Tensor]:
        """Return the pixels of faces for each input: float32 [n, 3, S, S], RGB, 0 … 255."""
        from pipeline.core.alignment import ARCFACE, align

        found = []
        for one in self.inputs:
            same = one.template is ARCFACE
            crops = [f.crop if same else align(f.crop, f.crop_landmarks, one.template) for f in faces]
            found.append(torch.from_numpy(np.stack(crops).transpose(0, 3, 1, 2).astype(np.float32)))
        return found
