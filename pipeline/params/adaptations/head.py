"""Options of the adaptation `head`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.core.registry import Options


class HeadOptions(Options):
    """A linear layer on the frozen network's vector, which starts at the identity and is pulled towards it."""

    implementation: ClassVar[str] = "pipeline.models.adaptations.head:Head"
    kind: Literal["head"] = "head"
    pull: Annotated[float, Field(ge=0)] = 0.01
    """Weight of the squared distance from the identity in the loss."""
    centre: bool = True
    """Subtract the mean vector of the training faces before the head."""
