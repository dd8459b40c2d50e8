"""LoRA: low-rank updates of chosen layers (Hu et al. 2021, arXiv 2106.09685), by peft."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline.models.adaptation import Adaptation, layers_with
from pipeline.models.backbone import Backbone


class LoRA(Adaptation):
    """Low-rank updates W + (alpha / rank) · B A of the layers with the given roles."""

    def __init__(
        self,
        *,
        rank: Annotated[int, Field(ge=1)] = 8,
        alpha: Annotated[float | None, Field(gt=0, description="Scale of the update; null: the rank.")] = None,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
        roles: Annotated[
            list[str] | None, Field(min_length=1, description="Roles of the layers; null: all the backbone has.")
        ] = None,
        stages: Annotated[
            int | None, Field(ge=1, description="Only the last so many stages that hold such layers; null: all.")
        ] = None,
    ) -> None:
        self.rank, self.alpha, self.dropout, self.roles, self.stages = rank, alpha, dropout, roles, stages

    def adapt(self, backbone: Backbone) -> None:
        """Replace the layers in place by peft's, with everything but the low-rank factors frozen."""
        import pipeline.core.torchvision_ops  # noqa: F401, I001  (peft imports transformers, and that torchvision)
        from peft import LoraConfig, inject_adapter_in_model

        config = LoraConfig(
            r=self.rank,
            lora_alpha=self.rank if self.alpha is None else self.alpha,  # type: ignore[arg-type]
            lora_dropout=self.dropout,
            target_modules=layers_with(self.roles, backbone, self.stages, "lora"),
            bias="none",
        )
        inject_adapter_in_model(config, backbone)

    def merge(self, backbone: Backbone) -> None:
        """Add the updates to the layers' own weights and put the plain layers back."""
        from peft.tuners.lora import LoraLayer

        for name, module in list(backbone.named_modules()):
            if isinstance(module, LoraLayer):
                module.merge()  # type: ignore[operator]
                parent, _, child = name.rpartition(".")
                setattr(backbone.get_submodule(parent), child, module.get_base_layer())
