"""What the adaptations of chosen layers share."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline.core.registry import Options


class HasRoles(Options):
    """Options of an adaptation that changes the layers with given roles (`pipeline.models.adaptation.layers_with`)."""

    roles: Annotated[list[str] | None, Field(min_length=1)] = None
    """Roles of the layers; null: all the backbone has."""
    stages: Annotated[int | None, Field(ge=1)] = None
    """Only the last so many stages that hold such layers; null: all."""
