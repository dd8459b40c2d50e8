"""Options shared by kinds with weights."""

from __future__ import annotations

from pipeline.core.registry import Options


class HasWeights(Options):
    """Options of a kind that reads weights."""

    weights: str | None = None
    """The entry under `download` with the weights."""

    def entries(self) -> dict[str, str]:
        """Return the entry with the weights, if there is one."""
        return {} if self.weights is None else {"weights": self.weights}
