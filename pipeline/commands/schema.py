"""Write the JSON schema of params.yaml, which editors use for completion: `sitter schema`."""

from __future__ import annotations

from pipeline.params import write_schema


def run() -> None:
    """Write `pipeline/params/schema.json`."""
    write_schema()
