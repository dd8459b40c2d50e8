"""Options that all outside systems share."""

from __future__ import annotations

from pipeline.core.registry import Options


class OutsideOptions(Options):
    """Options of a system without a network here: it is known only by a file of its vectors or scores."""

    file: str
    """The entry under `download` with the file."""
