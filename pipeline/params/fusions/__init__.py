"""Options of the fusions: ways to combine several models' vectors; one kind in each module."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline.core.registry import by_kind
from pipeline.params.fusions.attention import AttendedOptions
from pipeline.params.fusions.concat import ConcatOptions
from pipeline.params.fusions.folds import FoldsOptions
from pipeline.params.fusions.gated import GatedOptions
from pipeline.params.fusions.plda import TwoCovarianceOptions
from pipeline.params.fusions.score import ScoreOptions
from pipeline.params.fusions.wccn import WithinClassOptions
from pipeline.params.fusions.weighted import WeightedOptions

Method = Annotated[
    ConcatOptions
    | WeightedOptions
    | ScoreOptions
    | GatedOptions
    | AttendedOptions
    | WithinClassOptions
    | TwoCovarianceOptions
    | FoldsOptions,
    Field(discriminator="kind"),
]
FUSIONS = by_kind(Method)
"""The option classes of the fusions, by kind."""
