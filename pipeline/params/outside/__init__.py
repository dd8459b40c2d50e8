"""Section `outside`: systems that others have run, by the files of what they made of the faces."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline.core.registry import by_kind
from pipeline.params.outside.embeddings import OutsideEmbeddingsOptions
from pipeline.params.outside.scores import OutsideScoresOptions

Outside = Annotated[OutsideEmbeddingsOptions | OutsideScoresOptions, Field(discriminator="kind")]
OUTSIDE = by_kind(Outside)
"""By kind."""
