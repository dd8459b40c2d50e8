"""What every backbone is: a sequence of named stages from face to vector, and what it expects of its input."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, cast

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from pipeline.core.alignment import Template
from pipeline.params.backbones.base import Roles


class Backbone(nn.Module):
    """A network [B, 3, S, S] → [B, dim], written as stages one after the other.

    The stages are what allows one mechanism for all networks: the longest run of leading stages without trainable
    parameters (`frozen_prefix`) is computed once for each image, and only the rest is trained.

    A subclass sets the attributes below; its options in `pipeline.params.backbones` name it.
    """

    template: Template
    """Where the five landmarks lie in the input, and its size S in pixels."""
    mean: tuple[float, float, float]
    """Subtracted from the pixels (0 … 255), a value a channel, in RGB order."""
    scale: tuple[float, float, float]
    """What is left is divided by it, a value a channel, in RGB order."""
    colour: Literal["rgb", "bgr"] = "rgb"
    """Order of the channels that the network sees."""
    dim: int
    """Length of the vector."""
    stages: nn.Sequential
    """Named stages; their composition is the forward pass, pooling and projection included."""
    roles: Roles
    """What may be adapted alone: see `BackboneOptions.roles`, by which a study is checked without importing torch."""
    weights_file: Path | None = None
    """The file that the weights came from; None for a random start."""
    adapter_file: Path | None = None
    """The file of a LoRA adapter from elsewhere whose updates the weights hold; None: there is none."""

    def forward(self, x: Tensor) -> Tensor:
        """float32 [B, 3, S, S], normalised, to float32 [B, dim], unnormalised."""
        return cast(Tensor, self.stages(x))

    def train(self, mode: bool = True) -> Backbone:
        """As usual, except that what is frozen stays as in evaluation.

        Stages of the frozen prefix, and batch normalisation without trainable parameters, keep their statistics:
        otherwise training would change a network that it must leave alone.
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
    """How many leading stages hold nothing trainable, so that `stages[:n]` need be computed once for each image."""
    for n, stage in enumerate(backbone.stages):
        if any(p.requires_grad for p in stage.parameters()):
            return n
    return len(backbone.stages)


def trained_state(backbone: Backbone) -> dict[str, Tensor]:
    """What training changed, by name: the trainable parameters, and the buffers of the modules that own them."""
    state = backbone.state_dict(keep_vars=True)
    owners = {name for name, module in backbone.named_modules() if _owns_trainable(module)}
    return {
        name: value.detach().clone()
        for name, value in state.items()
        if value.requires_grad or (not isinstance(value, nn.Parameter) and name.rpartition(".")[0] in owners)
    }


def load_trained_state(backbone: Backbone, state: dict[str, Tensor]) -> None:
    """Put back what `trained_state` gave, into a backbone that was adapted in the same way.

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
    """Parameters that are trained, and all (those that an ONNX graph `held` outside of PyTorch, too)."""
    trained = sum(p.numel() for p in backbone.parameters() if p.requires_grad)
    outside = sum(getattr(module, "held", 0) for module in backbone.modules())
    return trained, sum(p.numel() for p in backbone.parameters()) + outside


def _owns_trainable(module: nn.Module) -> bool:
    return any(p.requires_grad for p in module.parameters(recurse=False))
