"""Everything that the report shows, as typed objects: after reading, neither files nor the study are needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.params.explain import Explain
from pipeline.params.materials import Material
from pipeline.params.sweep import Swept
from pipeline.reporting.account import Images
from pipeline.reporting.model_cards import SystemRecord
from pipeline.reporting.overlaps import Overlaps
from pipeline.reporting.series import Styles
from pipeline.store.attributions import Attributions
from pipeline.store.candidates import QuestionAnswers
from pipeline.store.results import Results


@dataclass(frozen=True)
class Outcome:
    """The results of a study that are printed on the terminal, too."""

    results: Results
    swept: Mapping[str, Swept]
    """By model of a sweep, the sweep that it belongs to."""
    overlaps: Overlaps
    questions: Mapping[str, QuestionAnswers]
    """The questions that have been answered, by name."""
    page: Path
    """The path of the report."""


@dataclass(frozen=True)
class Findings:
    """The results of a study, and everything that the page says about how they were made."""

    title: str
    outcome: Outcome
    styles: Styles
    """The look of every evaluated model."""
    far: Sequence[float]
    """The FARs of the tables."""
    pairs: int
    """Number of hardest pairs of each sort that are shown."""
    models: Mapping[str, SystemRecord]
    """The evaluated models."""
    data_sets: Sequence[Images]
    """The data sets that have been aligned."""
    materials: Sequence[Material]
    explain: Explain | None
    attributions: Mapping[str, Attributions]
    """By explained model."""
    versions: Mapping[str, Sequence[Mapping[str, str]]]
    """Versions of packages by sort of output: models, embeddings and figures."""
    params: Mapping[str, Any]
    """The study with all defaults."""
