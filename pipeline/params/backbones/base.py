"""What all backbones share, then all transformers."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from pipeline.params.weights import HasWeights

Roles = dict[str, tuple[str, ...]]


class BackboneOptions(HasWeights):
    """Options of a backbone."""

    roles: ClassVar[Roles] = {}
    """What may be adapted alone: a role (`conv`, `q`, `v`, `mlp`, …) and the last parts of the names of its modules."""


class TransformerOptions(BackboneOptions):
    """Options of a vision transformer, which may be a smaller one than its architecture says."""

    depth: Annotated[int | None, Field(ge=1)] = None
    """Blocks; null: the architecture's."""
    width: Annotated[int | None, Field(ge=64, multiple_of=64)] = None
    """Of the tokens; null: the architecture's."""
    adapter: str | None = None
    """An entry under `download` with a LoRA adapter as peft writes it (`adapter_model.safetensors`, and beside it
    `adapter_config.json`): its updates are added to the weights. With the adaptation `none` the model is the adapter's
    as it is; every other adaptation starts from there."""

    def entries(self) -> dict[str, str]:
        """The entries under `download` that the kind reads, by the field that names each."""
        return super().entries() | ({} if self.adapter is None else {"adapter": self.adapter})
