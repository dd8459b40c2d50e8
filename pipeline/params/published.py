"""Section `published`: which of the study's names stand for which in the papers whose figures are at hand."""

from __future__ import annotations

from pathlib import Path

import yaml

from pipeline.core.registry import Strict
from pipeline.params.reading import Loader

# The papers' tables, a file a paper; `pipeline.published.papers` reads their figures.
PAPERS = Path(__file__).parents[1] / "published"


class Published(Strict):
    """The study beside published figures. Equal names need no entry."""

    benchmarks: dict[str, str] = {}
    """Our benchmark: the published table (`historical-faces`, `lfw`, `cfp-ff`, `cfp-fp`, `lfw-geometry`, …)."""
    models: dict[str, str] = {}
    """Our model or fusion: the published row (`clip-lora`, `arcface`, …)."""


def published_rows() -> dict[str, list[str]]:
    """Return the names of the rows of every published table, by its name."""
    papers = [yaml.load(file.read_text(encoding="utf-8"), Loader) for file in sorted(PAPERS.glob("*.yaml"))]
    return {name: list(table["rows"]) for paper in papers for name, table in paper["tables"].items()}
