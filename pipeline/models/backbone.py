"""The base class of backbones: a sequence of named stages from face to vector, with the properties of its input."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, cast

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from pipeline.core.alignment import Template
from pipeline.params.backbones.base import Roles


class Backbone(nn.Module):
    """A network [B, 3, S, S] → [B, dim], written as a sequence of stages.

    Stages allow one mechanism for all networks: the leading stages without trainable parameters (`frozen_prefix`) are
    computed once for each image, and only the rest is trained.

    A subclass sets the attributes below; its options in `pipeline.params.backbones` name the subclass.
    """

    template: Template
    """The places of the five landmarks in the input, and its size S in pixels."""
    mean: tuple[float, float, float]
    """Values that are subtracted from the pixels (0 … 255), one per channel, in RGB order."""
    scale: tuple[float, float, float]
    """Values by which the differences are divided, one per channel, in RGB order."""
    colour: Literal["rgb", "bgr"] = "rgb"
    """Order of the channels that the network sees."""
    dim: int
    """Length of the vector."""
    stages: nn.Sequential
    """Named stages; their composition is the forward pass, pooling and projection included."""
    roles: Roles
    """Roles of layers that can be adapted; `BackboneOptions.roles` has them to check a study without importing
    torch."""
    weights_file: Path | None = None
    """The file that the weights came from; None for a random start."""
    adapter_file: Path | None = None
    """The file of a LoRA adapter from elsewhere that was added to the weights; None: there is none."""

    def forward(self, x: Tensor) -> Tensor:
        """Map normalised input, float32 [B, 3, S, S], to unnormalised vectors, float32 [B, dim]."""
        return cast(Tensor, self.stages(x))

    def train(self, mode: bool = True) -> Backbone:
        """Set the training mode, but leave frozen parts in evaluation mode.

        Stages of the frozen prefix, and batch normalisation without trainable parameters, keep their statistics.
        Otherwise training would change parts of the network that are meant to be frozen.
        """
        super().train(mode)
        if mode:
            for stage in list(self.stages)[: frozen_prefix(self)]:
                stage.eval()
            for module in self.modules():
                if isinstance(module, _BatchNorm) and not _owns_trainable(module):
                    module.eval()
        return self


def frozen_prefix(backbone: Backbone) -> int:
    """Return the number n of leading stages without trainable parameters: `stages[:n]` are computed once per image."""
    for n, stage in enumerate(backbone.stages):
        if any(p.requires_grad for p in stage.parameters()):
            return n
    return len(backbone.stages)


def trained_state(backbone: Backbone) -> dict[str, Tensor]:
    """Return what training changes, by name: the trainable parameters, and the buffers of the modules that own them."""
    state = backbone.state_dict(keep_vars=True)
    owners = {name for name, module in backbone.named_modules() if _owns_trainable(module)}
    return {
        name: value.detach().clone()
        for name, value in state.items()
        if value.requires_grad or (not isinstance(value, nn.Parameter) and name.rpartition(".")[0] in owners)
    }


def load_trained_state(backbone: Backbone, state: dict[str, Tensor]) -> None:
    """Load what `trained_state` returned into a backbone that was adapted in the same way.

    Raises:
        KeyError: the names differ.
        ValueError: a shape differs.
    """
    expected = trained_state(backbone)
    if state.keys() != expected.keys():
        missing, unknown = sorted(expected.keys() - state.keys()), sorted(state.keys() - expected.keys())
        raise KeyError(f"missing: {', '.join(missing) or 'none'}; unknown: {', '.join(unknown) or 'none'}")
    for name, value in state.items():
        if value.shape != expected[name].shape:
            raise ValueError(f"{name} is {list(value.shape)}, not {list(expected[name].shape)}")
    backbone.load_state_dict(state, strict=False)


def count_parameters(backbone: Backbone) -> tuple[int, int]:
    """Return the numbers of trained and of all parameters; the latter include those that an ONNX graph holds."""
    trained = sum(p.numel() for p in backbone.parameters() if p.requires_grad)
    outside = sum(getattr(module, "held", 0) for module in backbone.modules())
    return trained, sum(p.numel() for p in backbone.parameters()) + outside


def _owns_trainable(module: nn.Module) -> bool:
    return any(p.requires_grad for p in module.parameters(recurse=False))
