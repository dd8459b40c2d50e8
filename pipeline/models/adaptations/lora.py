"""LoRA: low-rank updates of chosen layers (Hu et al. 2021, arXiv 2106.09685), by peft."""

from __future__ import annotations

from torch import nn

from pipeline.models.adaptation import Adaptation, layers_with
from pipeline.models.backbone import Backbone
from pipeline.params.adaptations.lora import LoRAOptions


class LoRA(Adaptation):
    """Low-rank updates W + (alpha / rank) · B A of the layers with the given roles."""

    def __init__(self, options: LoRAOptions) -> None:
        self.options = options

    def adapt(self, backbone: Backbone) -> None:
        """Replace the layers in place by peft's layers, and freeze everything but the low-rank factors."""
        import pipeline.core.torchvision_ops  # noqa: F401, I001  (peft imports transformers, which imports torchvision)
        from peft import LoraConfig, inject_adapter_in_model

        given = self.options
        config = LoraConfig(
            r=given.rank,
            lora_alpha=given.rank if given.alpha is None else given.alpha,  # type: ignore[arg-type]
            lora_dropout=given.dropout,
            target_modules=layers_with(given.roles, backbone, given.stages, "lora"),
            bias="none",
        )
        inject_adapter_in_model(config, backbone)
        if given.initial == "kaiming":
            for name, parameter in backbone.named_parameters():
                if ".lora_A." in name:
                    nn.init.kaiming_uniform_(parameter)

    def merge(self, backbone: Backbone) -> None:
        """Add the updates to the layers' own weights, and restore the plain layers."""
        from peft.tuners.lora import LoraLayer

        for name, module in list(backbone.named_modules()):
            if isinstance(module, LoraLayer):
                module.merge()  # type: ignore[operator]
                parent, _, child = name.rpartition(".")
                setattr(backbone.get_submodule(parent), child, module.get_base_layer())
