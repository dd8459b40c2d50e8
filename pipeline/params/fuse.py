"""Section `fuse`: models whose inputs are other models' embeddings."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from pipeline.fusions import FUSIONS
from pipeline.kinds import Strict

Method: Any = FUSIONS.union()


class Fusion(Strict):
    """A fusion of models."""

    models: Annotated[tuple[str, ...], Field(min_length=1)]
    """The models that are fused, or fusions that stand before this one."""
    method: Method
    fit_on: tuple[str, ...] = ()
    """Data sets whose train sitters centre the embeddings, and whose val sitters weights are learned on."""
    centre: bool = True
    """Subtract each model's mean embedding of the train sitters first; needs `fit_on`."""
