"""Options of the fusion `score`."""

from __future__ import annotations

from typing import ClassVar, Literal

from pipeline.core.registry import Options


class ScoreOptions(Options):
    """Logistic regression on the models' scores, fitted on train sitters, chosen and calibrated on val sitters."""

    implementation: ClassVar[str] = "pipeline.fusions.score:Score"
    kind: Literal["score"] = "score"
