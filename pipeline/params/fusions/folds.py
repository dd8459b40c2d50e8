"""Options of the fusion `folds`."""

from __future__ import annotations

from typing import ClassVar, Literal

from pipeline.core.registry import Options


class FoldsOptions(Options):
    """Take each image's embedding from the model that held out the image's fold (`training.fold`)."""

    implementation: ClassVar[str] = "pipeline.crossval.models:HeldOutEmbeddings"
    kind: Literal["folds"] = "folds"
