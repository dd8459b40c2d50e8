"""Options of the fusion `folds`."""

from __future__ import annotations

from typing import ClassVar, Literal

from pipeline.core.registry import Options


class FoldsOptions(Options):
    """Of models that leave out a fold each (`training.fold`), the vector of the one that leaves out the image's."""

    implementation: ClassVar[str] = "pipeline.crossval.vectors:Folds"
    kind: Literal["folds"] = "folds"
