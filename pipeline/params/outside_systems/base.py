"""What all outside systems share."""

from __future__ import annotations

from pipeline.core.registry import Options


class OutsideOptions(Options):
    """Options of a system that is known by a file of what it made of the faces, and by no network."""

    file: str
    """The entry under `download` with the file."""
