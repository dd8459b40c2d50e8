"""Build a backbone and its adaptation from their options in `params.yaml`."""

from __future__ import annotations

from typing import NamedTuple

import torch

from pipeline.core.layout import Layout
from pipeline.models.adaptation import Adaptation
from pipeline.models.backbone import Backbone
from pipeline.params.adaptations import Adaptation as AdaptationOptions
from pipeline.params.backbones import Backbone as BackboneOptions


class AdaptedNetwork(NamedTuple):
    """A network with its weights, adapted as its options say."""

    network: Backbone
    adaptation: Adaptation


def build(backbone: BackboneOptions, adaptation: AdaptationOptions, seed: int, at: Layout) -> AdaptedNetwork:
    """Return the network with its weights loaded, adapted, in evaluation mode on the CPU.

    Args:
        backbone: options of the network.
        adaptation: options of the adaptation.
        seed: random seed of initial weights (of a network without a file, and of LoRA's first factor).
        at: the project with the weights.

    Raises:
        SitterError: the weights are missing or do not fit.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network: Backbone = backbone.make(at=at)
        way: Adaptation = Adaptation() if adaptation.kind == "none" else adaptation.make()
        way.adapt(network)
    return AdaptedNetwork(network.eval(), way)
