"""Options shared by the fusions that train a small network."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline.core.registry import Options


class LearnedOptions(Options):
    """Options of a `pipeline.fusions.learned.Learned`."""

    epochs: Annotated[int, Field(ge=0, le=10000)] = 40
    """Largest number of epochs; the best one on val sitters is kept."""
    lr: Annotated[float, Field(gt=0)] = 3e-3
    """Learning rate."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.8
    """Share of the vectors' elements that are dropped in training."""
