"""The history of a training as the report draws it, `history.csv`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.core.files import read_csv
from pipeline.store.curves import Column, Curve, Point, points


@dataclass(frozen=True)
class Training(Curve):
    """The history of a training: by epoch, its loss and what was measured on the validation sitters."""

    epoch: Column
    loss: Column
    val_loss: Column
    val_eer: Column

    def losses(self) -> list[Point]:
        """Return the training loss over the epochs."""
        return points(self.epoch, self.loss)

    def validation_losses(self) -> list[Point]:
        """Return the loss on the validation faces over the epochs."""
        return points(self.epoch, self.val_loss)

    def validation_errors(self) -> list[Point]:
        """Return the EER on the validation sitters over the epochs."""
        return points(self.epoch, self.val_eer)


def read_training(path: Path) -> Training:
    """Read the history of a training; columns that it lacks hold None."""
    return Training.of(read_csv(path))
