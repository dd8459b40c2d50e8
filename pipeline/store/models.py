"""The folder of a model or fusion, `models/<name>/`: its record, learned weights, and training history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.core.errors import SitterError
from pipeline.core.files import read_json, write_csv, write_json
from pipeline.core.layout import HERE, Layout
from pipeline.core.typed_files import from_file
from pipeline.store.history import Training, read_training

RECORD = "model.json"
WEIGHTS = "weights.safetensors"
CENTRES = "centres.safetensors"
MEAN = "mean.safetensors"
HISTORY = "history.csv"
METRICS = "metrics.json"
HISTORY_COLUMNS = ("epoch", "step", "loss", "val_eer", "lr")
VAL_LOSS = "val_loss"
"""A further column, where the loss on val faces chooses the epoch."""

Record = dict[str, Any]
NO_TRAINING = Training.of([])


@dataclass(frozen=True)
class SystemFiles:
    """The records in the folder of a model or fusion."""

    record: Record = from_file(RECORD, read_json, absent={})
    """Empty where the model has not been made."""
    training: Training = from_file(HISTORY, read_training, absent=NO_TRAINING)
    """Values of each epoch; empty where nothing was trained."""


def write_record(folder: Path, record: Mapping[str, Any]) -> None:
    """Write `model.json` into an existing folder."""
    write_json(folder / RECORD, record)


class Story(NamedTuple):
    """How a training went."""

    history: Sequence[Mapping[str, float | int | None]]
    """A row for each epoch, with `HISTORY_COLUMNS`; the first describes the network before the training."""
    best_epoch: int
    """The epoch that was kept."""
    epochs: int
    steps: int

    @property
    def kept(self) -> Mapping[str, float | int | None]:
        """The row of the epoch that was kept."""
        return self.history[self.best_epoch]

    @property
    def words(self) -> str:
        """Say which epoch was kept, and its figures."""
        kept = self.kept
        error = "" if kept["val_eer"] is None else f", val EER {100 * kept['val_eer']:.2f} %"
        error += f", val loss {kept[VAL_LOSS]:.4g}" if VAL_LOSS in kept else ""
        return f"epoch {kept['epoch']} of {self.epochs} kept, loss {kept['loss']:.4g}{error}"


def write_story(folder: Path, story: Story) -> None:
    """Write how a training went into an existing folder: a row for each epoch, and what `dvc metrics` shows."""
    kept, before = story.kept, story.history[0]
    by_loss = [VAL_LOSS] if VAL_LOSS in kept else []
    write_csv(folder / HISTORY, story.history, [*HISTORY_COLUMNS, *by_loss])
    summary = {
        "epoch": kept["epoch"],
        "epochs": story.epochs,
        "steps": story.steps,
        "loss": kept["loss"],
        "val_eer": kept["val_eer"],
        "val_eer_before": before["val_eer"],
    }
    write_json(folder / METRICS, summary | {name: kept[name] for name in by_loss})


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


def weights_record(name: str, size: int, sha256: str) -> Record:
    """Return what a record says of the file that holds the weights, or an outside system's vectors."""
    return {"file": name, "bytes": size, "sha256": sha256}


def fusion_record(method: Mapping[str, Any], models: Sequence[str], centre: bool, dim: int, **found: Any) -> Record:
    """Return the record of a fusion: its method and models, the results of the fit, and the length of its vectors."""
    return {"method": dict(method), "models": list(models), "centre": centre, **found, "dim": dim}
