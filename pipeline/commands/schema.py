"""Write the JSON schema of params.yaml, from which editors complete: `sitter schema`."""

from __future__ import annotations

from pipeline.params import write_schema


def run() -> None:
    """Write `pipeline/params/schema.json`."""
    write_schema()
