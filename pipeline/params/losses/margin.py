"""Options shared by the softmax losses with a margin over class centres."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline.params.losses.base import LossOptions


class MarginOptions(LossOptions):
    """Options of a `pipeline.losses.margin.MarginSoftmax`."""

    scale: Annotated[float, Field(gt=0)] = 64.0
    """s of the formula."""
    sample: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of the sitters in the softmax (Partial FC); 1 for all."""
