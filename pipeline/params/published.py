"""Section `published`: which of the study's names stand for which in the papers whose figures are at hand."""

from __future__ import annotations

from pipeline.core.registry import Strict


class Published(Strict):
    """The study beside published figures. Equal names need no entry."""

    benchmarks: dict[str, str] = {}
    """Our benchmark: the published table (`historical-faces`, `lfw`, `cfp-ff`, `cfp-fp`, `lfw-geometry`, …)."""
    models: dict[str, str] = {}
    """Our model or fusion: the published row (`clip-lora`, `arcface`, …)."""
