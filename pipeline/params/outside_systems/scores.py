"""Options of the outside systems of kind `scores`."""

from __future__ import annotations

from typing import ClassVar, Literal

from pipeline.params.outside_systems.base import OutsideOptions


class OutsideScoresOptions(OutsideOptions):
    """A system's scores of pairs: CSV, Arrow, npz or npy with probe_id, gallery_id and score, or bob's five columns.

    A row with 1 in the column `failed` means that the system could not process the image `probe_id`.
    """

    implementation: ClassVar[str] = "pipeline.sources.outside.scores:ScoresFile"
    kind: Literal["scores"] = "scores"
    distance: bool = False
    """true: a smaller value means more alike. false: a larger value means more alike."""
