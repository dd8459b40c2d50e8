"""A backbone and its adaptation, from their options in `params.yaml`."""

from __future__ import annotations

import torch

from pipeline.models.adaptation import Adaptation
from pipeline.models.backbone import Backbone
from pipeline.params.adaptations import Adaptation as AdaptationOptions
from pipeline.params.backbones import Backbone as BackboneOptions


def build(backbone: BackboneOptions, adaptation: AdaptationOptions, seed: int) -> tuple[Backbone, Adaptation]:
    """The network, its weights loaded, adapted, in evaluation mode on the CPU.

    Args:
        backbone: options of a network.
        adaptation: options of what is trained of it.
        seed: what is drawn at random (weights of a network without a file, LoRA's first factor) follows from it.

    Raises:
        SitterError: the weights are absent or do not fit.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network: Backbone = backbone.make()
        way: Adaptation = Adaptation() if adaptation.kind == "none" else adaptation.make()
        way.adapt(network)
    return network.eval(), way
