"""Options of the loss `sum`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.params.losses.base import LossOptions
from pipeline.params.losses.single import Single


class SumOptions(LossOptions):
    """Sum: Σ weight_i · loss_i of the same embeddings, such as ArcFace + 0.5 × InfoNCE."""

    implementation: ClassVar[str] = "pipeline.losses.sum:Sum"
    kind: Literal["sum"] = "sum"
    losses: Annotated[list[Annotated[Single, Field(discriminator="kind")]], Field(min_length=1)]
    """Losses, each with its own options."""
    weights: list[Annotated[float, Field(ge=0)]] | None = None
    """A weight for each loss; null: 1 each."""

    def kinds(self) -> tuple[str, ...]:
        """Return `sum`, and the kinds of its losses."""
        return tuple(dict.fromkeys((self.kind, *(loss.kind for loss in self.losses))))

    @property
    def is_per_process(self) -> bool:
        """Whether one of the losses is."""
        return any(loss.is_per_process for loss in self.losses)
