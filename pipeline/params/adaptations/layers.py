"""Options of the adaptation `layers`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.params.adaptations.base import HasRoles


class LayersOptions(HasRoles):
    """Train the weights and biases of the layers with the given roles, and leave all others unchanged."""

    implementation: ClassVar[str] = "pipeline.models.adaptations.layers:Layers"
    kind: Literal["layers"] = "layers"
    roles: Annotated[list[str], Field(min_length=1)]
    """Roles of the layers: fc is a recogniser's last linear layer."""
