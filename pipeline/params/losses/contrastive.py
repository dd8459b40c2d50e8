"""Options of the loss `contrastive`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.params.losses.base import LossOptions


class ContrastiveOptions(LossOptions):
    """Contrastive: d² of genuine pairs, max(0, margin − d)² of impostor pairs; the means of the two are added."""

    implementation: ClassVar[str] = "pipeline.losses.contrastive:Contrastive"
    kind: Literal["contrastive"] = "contrastive"
    margin: Annotated[float, Field(gt=0, le=2)] = 1.0
    """Least distance that impostor pairs should have."""
