"""The files that stand beside a RecordIO file."""

from __future__ import annotations

from pathlib import Path


def index_and_property(records: Path) -> tuple[Path, Path]:
    """Return the paths at which the index and the `property` file of a RecordIO file are looked for."""
    return records.with_suffix(".idx"), records.with_name("property")
