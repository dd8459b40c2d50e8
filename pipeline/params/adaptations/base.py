"""Options shared by adaptations of chosen layers."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline.core.registry import Options


class HasRoles(Options):
    """Options of an adaptation that changes the layers with given roles (`pipeline.models.adaptation.layers_with`)."""

    roles: Annotated[list[str] | None, Field(min_length=1)] = None
    """Roles of the layers; null: all roles of the backbone."""
    stages: Annotated[int | None, Field(ge=1)] = None
    """Number of stages to adapt, the last ones that have such layers; null: all."""
