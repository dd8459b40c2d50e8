"""Options of the losses, one kind in each module; `single` lists them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline.core.registry import by_kind
from pipeline.params.losses.none import NoLoss
from pipeline.params.losses.single import Single
from pipeline.params.losses.sum import SumOptions

Loss = Annotated[NoLoss | Single | SumOptions, Field(discriminator="kind")]
LOSSES = by_kind(Loss)
"""The option classes of the losses, by kind."""
