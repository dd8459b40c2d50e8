"""Options of the loss `triplet`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.params.losses.base import LossOptions


class TripletOptions(LossOptions):
    """Triplet loss: max(0, d(anchor, positive) − d(anchor, negative) + margin), mean over the triplets."""

    implementation: ClassVar[str] = "pipeline.losses.triplet:Triplet"
    kind: Literal["triplet"] = "triplet"
    margin: Annotated[float, Field(gt=0)] = 0.5
    """How much nearer the positive must be than the negative."""
    distance: Literal["cosine", "euclidean"] = "cosine"
    """d of the formula."""
    hard: Annotated[float, Field(ge=0, le=1)] = 0.3
    """Share of the hardest negatives; all others are random."""
