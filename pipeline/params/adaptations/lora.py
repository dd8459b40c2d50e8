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
    """Share of a layer's inputs that are withheld from LoRA's factors in training."""
    initial: Literal["peft", "kaiming"] = "peft"
    """Initial values of A, while B starts at zero: uniform between ±1/√n, where n is the number of the layer's inputs,
    as in peft, or between ±√(6/n), the default of PyTorch's `kaiming_uniform_`."""
