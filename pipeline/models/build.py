"""A backbone and its adaptation, from their options in `params.yaml`."""

from __future__ import annotations

import torch

from pipeline.core.registry import Options
from pipeline.models.adaptation import Adaptation
from pipeline.models.adaptations import ADAPTATIONS
from pipeline.models.backbone import Backbone
from pipeline.models.backbones import BACKBONES


def build(backbone: Options, adaptation: Options, seed: int) -> tuple[Backbone, Adaptation]:
    """The network, its weights loaded, adapted, in evaluation mode on the CPU.

    Args:
        backbone: options of a kind of BACKBONES.
        adaptation: options of a kind of ADAPTATIONS.
        seed: what is drawn at random (weights of a network without a file, LoRA's first factor) follows from it.

    Raises:
        SitterError: the weights are absent or do not fit.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network: Backbone = BACKBONES.make(backbone)
        way: Adaptation = Adaptation() if adaptation.kind == "none" else ADAPTATIONS.make(adaptation)
        way.adapt(network)
    return network.eval(), way
