"""Options of outside systems: one module for each kind (vectors or scores)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline.core.registry import by_kind
from pipeline.params.outside_systems.embeddings import OutsideEmbeddingsOptions
from pipeline.params.outside_systems.scores import OutsideScoresOptions

Outside = Annotated[OutsideEmbeddingsOptions | OutsideScoresOptions, Field(discriminator="kind")]
OUTSIDE = by_kind(Outside)
"""The option classes by kind."""
