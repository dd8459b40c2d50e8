"""Everything that the report is made of, read and typed: neither files nor the study are looked into after that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.params.explain import Explain
from pipeline.params.materials import Material
from pipeline.params.sweep import Swept
from pipeline.reporting.account import Images
from pipeline.reporting.model_cards import Made
from pipeline.reporting.overlaps import Overlaps
from pipeline.reporting.series import Styles
from pipeline.store.attributions import Attributions
from pipeline.store.candidates import Asked
from pipeline.store.results import Results


@dataclass(frozen=True)
class Answers:
    """What a user came for."""

    results: Results
    swept: Mapping[str, Swept]
    """The models of sweeps, and the sweep that each belongs to."""
    overlaps: Overlaps
    questions: Mapping[str, Asked]
    """Those that have been answered."""
    page: Path
    """Where the report is."""


@dataclass(frozen=True)
class Findings:
    """What a study has found, and what the page says of how."""

    title: str
    answers: Answers
    styles: Styles
    """Every model that was judged, and how it looks."""
    far: Sequence[float]
    """The FARs of the tables."""
    pairs: int
    """How many of the hardest pairs of each sort are shown."""
    models: Mapping[str, Made]
    """Those that were judged."""
    data_sets: Sequence[Images]
    """Those whose faces were looked for."""
    materials: Sequence[Material]
    explain: Explain | None
    attributions: Mapping[str, Attributions]
    """By model that has been explained."""
    versions: Mapping[str, Sequence[Mapping[str, str]]]
    """What was made with which versions of which packages: of the models, the embeddings and the figures."""
    params: Mapping[str, Any]
    """The study with all defaults."""
