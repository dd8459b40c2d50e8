"""Options of the adaptations, which decide what part of a backbone is trained; one kind in each module."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline.core.registry import by_kind
from pipeline.params.adaptations.full import FullOptions
from pipeline.params.adaptations.head import HeadOptions
from pipeline.params.adaptations.layers import LayersOptions
from pipeline.params.adaptations.lora import LoRAOptions
from pipeline.params.adaptations.none import NoAdaptation

Adaptation = Annotated[
    NoAdaptation | HeadOptions | LoRAOptions | LayersOptions | FullOptions,
    Field(discriminator="kind"),
]
ADAPTATIONS = by_kind(Adaptation)
"""The option classes of the adaptations, by kind."""
