"""The figures of a study, `results/`: what was measured, and on what.

`metrics.json` holds {benchmark: {model: {figure: value}}}; `run.json` says what the figures mean, and which data they
were measured on.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.core.files import read_json, write_json

METRICS = "metrics.json"
RUN = "run.json"


def write_results(folder: Path, metrics: Mapping[str, Any], run: Mapping[str, Any]) -> None:
    """Write the figures, and the record of their measurement, into an existing folder."""
    write_json(folder / METRICS, metrics)
    write_json(folder / RUN, run)


def read_metrics(folder: Path) -> Any:
    """Read the figures as the file has them."""
    return read_json(folder / METRICS)


def read_run(folder: Path) -> Any:
    """Read the record of the measurement: seeds, benchmarks with their figures' meaning, counts, versions."""
    return read_json(folder / RUN)
