"""Options of the adaptation `lora`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.params.adaptations.base import HasRoles


class LoRAOptions(HasRoles):
    """Low-rank updates W + (alpha / rank) · B A of the layers with the given roles."""

    implementation: ClassVar[str] = "pipeline.models.adaptations.lora:LoRA"
    kind: Literal["lora"] = "lora"
    rank: Annotated[int, Field(ge=1)] = 8
    """Rank of the factors that are added to a layer's weights."""
    alpha: Annotated[float | None, Field(gt=0)] = None
    """Scale of the update; null: the rank."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of a layer's inputs that LoRA's factors do not see in training."""
    initial: Literal["peft", "kaiming"] = "peft"
    """How A is drawn, while B is zero: uniformly between ±1/√n, n being the inputs of the layer, as peft does, or
    between ±√(6/n), as PyTorch's `kaiming_uniform_` does by itself."""
