"""The folder of a model or fusion, `models/<name>/`: its record, learned weights, and training history."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.core.errors import SitterError
from pipeline.core.files import read_csv, read_json, write_csv, write_json
from pipeline.plan.layout import HERE, Layout
from pipeline.store.curves import Curve

RECORD = "model.json"
WEIGHTS = "weights.safetensors"
CENTRES = "centres.safetensors"
MEAN = "mean.safetensors"
HISTORY = "history.csv"
METRICS = "metrics.json"

Record = dict[str, Any]


def write_record(folder: Path, record: Mapping[str, Any]) -> None:
    """Write `model.json` into an existing folder."""
    write_json(folder / RECORD, record)


def write_history(
    folder: Path, history: Iterable[Mapping[str, Any]], columns: Sequence[str], summary: Mapping[str, Any]
) -> None:
    """Write a training's history into an existing folder: a row for each epoch, and a summary for `dvc metrics`."""
    write_csv(folder / HISTORY, history, columns)
    write_json(folder / METRICS, summary)


def record_file(name: str, at: Layout = HERE) -> Path:
    """Return the path of the record of a model or fusion."""
    return at.model(name) / RECORD


def weights_of(name: str, at: Layout = HERE) -> Path:
    """Return the path of a model's learned weights; a frozen model has none."""
    return at.model(name) / WEIGHTS


def centres_file(name: str, at: Layout = HERE) -> Path:
    """Return the path of the class centres that a loss has learned; most losses have none."""
    return at.model(name) / CENTRES


def find_record(name: str, at: Layout = HERE) -> Record:
    """Return the record of a model or fusion; empty where it has not been made."""
    file = record_file(name, at)
    return dict(read_json(file)) if file.is_file() else {}


def read_record(name: str, stage: str, at: Layout = HERE) -> Record:
    """Read the record of a model or fusion.

    Raises:
        SitterError: the model has not been made; the message names the stage that makes it.
    """
    if not (found := find_record(name, at)):
        raise SitterError(f"{record_file(name, at)} does not exist: run `python -m pipeline {stage} {name}` first.")
    return found


def read_history(name: str, at: Layout = HERE) -> Curve:
    """Read how a training went, epoch by epoch; empty where nothing was trained."""
    file = at.model(name) / HISTORY
    return Curve.of(read_csv(file)) if file.exists() else Curve()


def weights_record(name: str, size: int, sha256: str) -> Record:
    """Return what a record says of the file that holds the weights, or an outside system's vectors."""
    return {"file": name, "bytes": size, "sha256": sha256}


def fusion_record(method: Mapping[str, Any], models: Sequence[str], centre: bool, dim: int, **found: Any) -> Record:
    """Return the record of a fusion: its method and models, the results of the fit, and the length of its vectors."""
    return {"method": dict(method), "models": list(models), "centre": centre, **found, "dim": dim}
