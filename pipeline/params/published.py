"""Section `published`: which names of the study stand for which names in the papers with known figures."""

from __future__ import annotations

from pathlib import Path

import yaml

from pipeline.core.registry import Strict
from pipeline.params.reading import Loader

# The papers' tables, in a file for each paper; `pipeline.reporting.published` reads their figures.
PAPERS = Path(__file__).parent / "papers"


class Published(Strict):
    """Comparison of the study with published figures. Equal names need no entry."""

    benchmarks: dict[str, str] = {}
    """Published table by benchmark of the study (`historical-faces`, `lfw`, `cfp-ff`, `cfp-fp`, `lfw-geometry`, …)."""
    models: dict[str, str] = {}
    """Published row by model or fusion of the study (`clip-lora`, `arcface`, …)."""


def published_rows() -> dict[str, list[str]]:
    """Return the names of the rows of every published table, by its name."""
    papers = [yaml.load(file.read_text(encoding="utf-8"), Loader) for file in sorted(PAPERS.glob("*.yaml"))]
    return {name: list(table["rows"]) for paper in papers for name, table in paper["tables"].items()}
