"""Chosen layers of the network itself are trained: ArtFace's "last linear layer only", say."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline.models.adaptation import Adaptation, layers_with
from pipeline.models.backbone import Backbone


class Layers(Adaptation):
    """Train the weights and biases of the layers with the given roles, leave all others."""

    def __init__(
        self,
        *,
        roles: Annotated[
            list[str], Field(min_length=1, description="Roles of the layers: fc is a recogniser's last linear layer.")
        ],
        stages: Annotated[
            int | None, Field(ge=1, description="Only the last so many stages that hold such layers; null: all.")
        ] = None,
    ) -> None:
        self.roles, self.stages = roles, stages

    def adapt(self, backbone: Backbone) -> None:
        """Gradients for these layers only; normalisation keeps its statistics."""
        backbone.requires_grad_(False)
        for name in layers_with(self.roles, backbone, self.stages, "layers"):
            backbone.get_submodule(name).requires_grad_(True)
