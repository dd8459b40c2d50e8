"""Options of the benchmarks: what is measured on a model's embeddings; one kind in each module."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline.core.registry import by_kind
from pipeline.params.metrics.all_pairs import AllPairsOptions
from pipeline.params.metrics.embedding_map import EmbeddingMapOptions
from pipeline.params.metrics.geometry import GeometryOptions
from pipeline.params.metrics.identification import IdentificationOptions
from pipeline.params.metrics.kfold import KfoldOptions
from pipeline.params.metrics.linear_probe import LinearProbeOptions
from pipeline.params.metrics.template_pairs import TemplatePairsOptions

Benchmark = Annotated[
    AllPairsOptions
    | KfoldOptions
    | IdentificationOptions
    | TemplatePairsOptions
    | GeometryOptions
    | LinearProbeOptions
    | EmbeddingMapOptions,
    Field(discriminator="kind"),
]
METRICS = by_kind(Benchmark)
"""The option classes of the benchmarks, by kind."""
