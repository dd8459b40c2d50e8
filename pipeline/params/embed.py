"""Section `embed`: which data sets are turned into vectors, and how."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline.kinds import Strict


class Embed(Strict):
    """Embedding extraction."""

    datasets: tuple[str, ...]
    """Data sets that every model and fusion embeds."""
    batch: Annotated[int, Field(ge=1)]
    """Faces that go through the network at once."""
