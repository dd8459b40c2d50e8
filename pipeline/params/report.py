"""Section `report`: the page at the end of a run."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline.core.registry import Strict


class Report(Strict):
    """The report."""

    title: str = "Who sat for this portrait?"
    """Title of the page."""
    pairs: Annotated[int, Field(ge=0, le=50)] = 6
    """Pairs of each kind (hardest genuine, hardest impostor, …) in the report's gallery."""
