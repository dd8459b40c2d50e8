"""Train chosen layers of the network itself, for example ArtFace's "last linear layer only"."""

from __future__ import annotations

from pipeline.models.adaptation import Adaptation, layers_with
from pipeline.models.backbone import Backbone
from pipeline.params.adaptations.layers import LayersOptions


class Layers(Adaptation):
    """Train the weights and biases of the layers with the given roles, leave all others."""

    def __init__(self, options: LayersOptions) -> None:
        self.roles, self.stages = options.roles, options.stages

    def adapt(self, backbone: Backbone) -> None:
        """Turn gradients on for these layers only; normalisation layers keep their statistics."""
        backbone.requires_grad_(False)
        for name in layers_with(self.roles, backbone, self.stages, "layers"):
            backbone.get_submodule(name).requires_grad_(True)
