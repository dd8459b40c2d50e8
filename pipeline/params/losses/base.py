"""Options shared by all losses."""

from __future__ import annotations

from pipeline.core.registry import Options


class LossOptions(Options):
    """Options of a loss."""

    @property
    def is_per_process(self) -> bool:
        """Whether several processes compute other values than one, because each compares its own samples only."""
        return False
