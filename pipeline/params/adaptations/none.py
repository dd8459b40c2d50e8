"""Options of the adaptation `none`."""

from __future__ import annotations

from typing import Literal

from pipeline.core.registry import Options


class NoAdaptation(Options):
    """No adaptation: the model is frozen."""

    kind: Literal["none"] = "none"
