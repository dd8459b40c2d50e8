"""The folder of a model or fusion, `models/<name>/`: its record, learned weights, and training history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.core.cells import Number
from pipeline.core.errors import SitterError
from pipeline.core.files import read_json, write_csv, write_json
from pipeline.core.layout import Layout
from pipeline.core.typed_files import from_file, rows_of
from pipeline.store.systems import Record, SystemFacts, read_facts, record_as_json, record_of_json

RECORD = "model.json"
WEIGHTS = "weights.safetensors"
CENTRES = "centres.safetensors"
MEAN = "mean.safetensors"
MEAN_VECTOR = "mean"
"""The one tensor in this file."""
HISTORY = "history.csv"
METRICS = "metrics.json"
EPOCH, STEP, LOSS, VAL_EER, LR = HISTORY_COLUMNS = "epoch", "step", "loss", "val_eer", "lr"
VAL_LOSS = "val_loss"
"""A further column, where the loss on val faces chooses the epoch."""


def write_record(folder: Path, record: Record) -> None:
    """Write `model.json` into an existing folder."""
    write_json(folder / RECORD, record_as_json(record))


@dataclass(frozen=True)
class Epoch:
    """An epoch of a training: a row of `history.csv`."""

    epoch: int
    """Its number; 0: the network before the training."""
    step: int
    """The number of finished steps of the optimiser."""
    loss: Number
    """The mean loss of its batches; None before the training."""
    val_eer: Number
    """The equal error rate on the val faces; None if there is none."""
    lr: Number
    """The learning rate of its last step; None before the training."""
    val_loss: Number = None
    """The loss on the val faces; None where it does not choose the epoch."""

    def cells(self) -> dict[str, float | int | None]:
        """Return the values by column; the column of the loss on the val faces is absent where there is none."""
        found: dict[str, float | int | None] = {name: getattr(self, name) for name in HISTORY_COLUMNS}
        return found if self.val_loss is None else {**found, VAL_LOSS: self.val_loss}

    @classmethod
    def of(cls, cells: Mapping[str, Any]) -> Epoch:
        """Return the epoch with these cells, as a checkpoint keeps them."""
        return cls(**cells)

    def figures(self) -> dict[str, float]:
        """Return the known values by column, without the number of the epoch."""
        return {name: float(value) for name, value in self.cells().items() if value is not None and name != EPOCH}


@dataclass(frozen=True)
class SystemFiles:
    """The records in the folder of a model or fusion."""

    facts: SystemFacts = from_file(RECORD, read_facts, absent=SystemFacts())
    """What its record says; nothing where the model has not been made."""
    history: Sequence[Epoch] = from_file(HISTORY, rows_of(Epoch), absent=())
    """The epochs of its training; empty where nothing was trained."""


class Story(NamedTuple):
    """How a training went."""

    history: Sequence[Epoch]
    """All epochs; the first describes the network before the training."""
    best_epoch: int
    """The epoch that was kept."""
    epochs: int
    steps: int

    @property
    def kept(self) -> Epoch:
        """The epoch that was kept."""
        return self.history[self.best_epoch]

    @property
    def words(self) -> str:
        """Say which epoch was kept, and its figures."""
        kept = self.kept
        error = "" if kept.val_eer is None else f", val EER {100 * kept.val_eer:.2f} %"
        error += "" if kept.val_loss is None else f", val loss {kept.val_loss:.4g}"
        return f"epoch {kept.epoch} of {self.epochs} kept, loss {kept.loss:.4g}{error}"


def write_story(folder: Path, story: Story) -> None:
    """Write how a training went into an existing folder: a row for each epoch, and what `dvc metrics` shows."""
    kept, before = story.kept, story.history[0]
    by_loss = {} if kept.val_loss is None else {VAL_LOSS: kept.val_loss}
    write_csv(folder / HISTORY, (epoch.cells() for epoch in story.history), [*HISTORY_COLUMNS, *by_loss])
    summary = {
        "epoch": kept.epoch,
        "epochs": story.epochs,
        "steps": story.steps,
        "loss": kept.loss,
        "val_eer": kept.val_eer,
        "val_eer_before": before.val_eer,
    }
    write_json(folder / METRICS, summary | by_loss)


def record_file(name: str, at: Layout) -> Path:
    """Return the path of the record of a model or fusion."""
    return at.model(name) / RECORD


def weights_of(name: str, at: Layout) -> Path:
    """Return the path of a model's learned weights; a frozen model has none."""
    return at.model(name) / WEIGHTS


def centres_file(name: str, at: Layout) -> Path:
    """Return the path of the class centres that a loss has learned; most losses have none."""
    return at.model(name) / CENTRES


def find_facts(name: str, at: Layout) -> SystemFacts:
    """Return what the record of a model or fusion says; nothing where it has not been made."""
    file = record_file(name, at)
    return read_facts(file) if file.is_file() else SystemFacts()


def read_record(name: str, stage: str, at: Layout) -> Record:
    """Read the record of a model or fusion.

    Raises:
        SitterError: the model has not been made; the message names the stage that makes it.
    """
    file = record_file(name, at)
    content = read_json(file) if file.is_file() else {}
    if not content:
        raise SitterError(f"{file} does not exist: run `python -m pipeline {stage} {name}` first.")
    return record_of_json(content, file)
