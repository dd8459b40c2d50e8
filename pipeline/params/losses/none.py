"""Options of the loss `none`."""

from __future__ import annotations

from typing import Literal

from pipeline.params.losses.base import LossOptions


class NoLoss(LossOptions):
    """No loss, for a model that is not trained."""

    kind: Literal["none"] = "none"
