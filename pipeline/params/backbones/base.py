"""Options shared by all backbones, and by all transformers."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from pipeline.params.weights import HasWeights

Roles = dict[str, tuple[str, ...]]


class BackboneOptions(HasWeights):
    """Options of a backbone."""

    roles: ClassVar[Roles] = {}
    """Parts that can be adapted alone: a role (`conv`, `q`, `v`, `mlp`, …) and how its modules' names end."""


class TransformerOptions(BackboneOptions):
    """Options of a vision transformer, which may be smaller than its architecture says."""

    depth: Annotated[int | None, Field(ge=1)] = None
    """Number of blocks; null: as in the architecture."""
    width: Annotated[int | None, Field(ge=64, multiple_of=64)] = None
    """Width of the tokens; null: as in the architecture."""
    adapter: str | None = None
    """An entry under `download` with a LoRA adapter as peft writes it (`adapter_model.safetensors` and, beside it,
    `adapter_config.json`): its updates are added to the weights. With the adaptation `none`, the model is the
    adapter's as it is; every other adaptation starts from there."""

    def entries(self) -> dict[str, str]:
        """Return the entries under `download` that the kind reads, by the field that names each."""
        return super().entries() | ({} if self.adapter is None else {"adapter": self.adapter})
