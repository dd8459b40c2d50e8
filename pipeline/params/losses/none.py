"""Options of the loss `none`."""

from __future__ import annotations

from typing import Literal

from pipeline.core.registry import Options


class NoLoss(Options):
    """No loss, for a model that is not trained."""

    kind: Literal["none"] = "none"
