"""Options of the backbone `external-scores`."""

from __future__ import annotations

from typing import ClassVar, Literal

from pipeline.params.backbones.base import ScoresOptions


class ExternalScoresOptions(ScoresOptions):
    """An outside system's scores: CSV, Arrow, npz or npy with probe_id, gallery_id and score, or bob's five columns.

    A row with 1 in a column `failed` means that the system could not process the image `probe_id`.
    """

    implementation: ClassVar[str] = "pipeline.models.backbones.external_scores:ExternalScores"
    kind: Literal["external-scores"] = "external-scores"
