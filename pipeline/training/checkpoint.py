"""Checkpoints: everything that a resumed training needs to end with the same weights as without the interruption.

Random states are not part of a checkpoint: every step seeds its generators by (seed, epoch, position, process), so that
a run can also resume on another number of processes.
"""

from __future__ import annotations

import json
import logging
import math
import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.core.errors import SitterError
from pipeline.core.files import atomic_file
from pipeline.core.layout import MANIFEST, Layout
from pipeline.store.models import Epoch
from pipeline.training import status

if TYPE_CHECKING:
    from torch import Tensor

    from pipeline.params.losses import Loss
    from pipeline.params.recipe import Recipe
    from pipeline.params.train import Training

logger = logging.getLogger(__name__)

FILE = "checkpoint.pt"
# Settings that change how a model is trained, but not the result.
WITHOUT_EFFECT = {"checkpoint_seconds", "workers", "shard_centres"}


@dataclass
class State:
    """The progress of a training; a checkpoint holds it beside the states of network, loss and optimiser."""

    epoch: int = 0
    """The number of finished epochs."""
    position: int = 0
    """The number of finished batches of the next epoch."""
    step: int = 0
    """The number of finished steps of the optimiser."""
    loss: float = 0.0
    """The sum of the losses of this epoch's batches."""
    best_figure: float = math.inf
    """The lowest value so far of the figure that chooses the epoch to keep (`training.keep`)."""
    best_epoch: int = 0
    best: dict[str, Tensor] = field(default_factory=dict)
    """The trained weights after the best epoch."""
    centres: dict[str, Tensor] = field(default_factory=dict)
    """The loss's class centres after the best epoch, of all training sitters; only the first process has all rows."""
    history: list[Epoch] = field(default_factory=list)

    @classmethod
    def of(cls, parts: Mapping[str, Any]) -> State:
        """Return the progress that a checkpoint holds; see `parts`."""
        return cls(**{**parts, "history": [Epoch.of(cells) for cells in parts["history"]]})

    def parts(self) -> dict[str, Any]:
        """Return the progress for a checkpoint: tensors and plain values."""
        return {**asdict(self), "history": [epoch.cells() for epoch in self.history]}

    def ended(self, loss: float, val_eer: float, lr: float, val_loss: float | None = None) -> Epoch:
        """Return the epoch that has just ended, for the history; epoch 0 is the network before training.

        Args:
            loss: the mean loss of the epoch's batches.
            val_eer: the equal error rate on the val faces; NaN if there is none.
            lr: the learning rate of the epoch's last step.
            val_loss: the loss on the val faces, if it chooses the epoch to keep.
        """
        return Epoch(
            epoch=self.epoch,
            step=self.step,
            loss=loss if self.epoch else None,
            val_eer=None if math.isnan(val_eer) else val_eer,
            lr=lr if self.epoch else None,
            val_loss=val_loss,
        )

    def place(self, batches: int) -> str:
        """Return the place of the training in words; `batches` is the number of batches in an epoch."""
        return f"epoch {self.epoch + 1}, {self.position} of {batches} batches done"

    def error(self) -> dict[str, str]:
        """Return the error rate of the last validation, for the progress line."""
        error = self.history[-1].val_eer
        return {} if error is None else {"val EER": f"{100 * error:.2f} %"}


def key(recipe: Recipe, code: str, at: Layout, world: int = 1) -> str:
    """Return a hash of parameters, inputs and code. A checkpoint with another key belongs to another training.

    Args:
        recipe: the recipe of the model.
        code: the fingerprint of the code that trains it.
        world: the number of processes; it counts only if each process has its own batches or negatives.
        at: the project that holds the inputs.
    """
    import torch

    entry, training = recipe.model, recipe.training
    inputs = [folder(d) / MANIFEST for d in training.train_on for folder in (at.faces, at.split)]
    inputs += [at.raw(weights) / MANIFEST for weights in entry.backbone.entries().values()]
    of = {
        "seed": [recipe.study_seed, recipe.seed],  # for the choice of val faces, and for the training
        "model": entry.model_dump(exclude={"training"}),
        "training": training.model_dump(exclude=WITHOUT_EFFECT),
        "inputs": {str(path.relative_to(at.home)): _content(path) for path in inputs},
        "code": code,
        "world": world if per_process(training, entry.loss) else None,
        "torch": torch.__version__,
    }
    return sha256(json.dumps(of, sort_keys=True).encode()).hexdigest()


def per_process(training: Training, loss: Loss) -> bool:
    """Whether the result depends on the number of processes, because each has its own batches or negatives."""
    return training.batch_per == "process" or loss.is_per_process


def _content(path: Path) -> str:
    try:
        return sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        raise SitterError(f"{path} does not exist: run the stage that makes it first.") from None


@contextmanager
def locked(model: str, at: Layout, first: bool = True) -> Iterator[Path]:
    """Lock the folder of a model's checkpoints, and yield it; the lock of a dead process has no effect.

    Args:
        model: the name of the model.
        first: whether this process takes the lock; among processes that train together, only the first does.
        at: the project that holds the checkpoints.

    Raises:
        SitterError: another process is training the model.
    """
    from filelock import FileLock, Timeout

    folder = at.checkpoints(model)
    folder.mkdir(parents=True, exist_ok=True)
    if not first:
        yield folder
        return
    try:
        with FileLock(folder / "lock", timeout=0):
            for left_over in folder.glob("*.part"):
                left_over.unlink()
            yield folder
    except Timeout:
        raise SitterError(
            f"models.{model} is being trained by another process (it holds {folder / 'lock'}): wait for it, or stop it."
        ) from None


def save(folder: Path, key: str, content: dict[str, Any]) -> None:
    """Replace the last checkpoint; if the process is killed meanwhile, one of the two is left complete."""
    import torch

    with atomic_file(folder / FILE) as part:
        torch.save({"key": key, **content}, part)


def load(folder: Path, key: str) -> dict[str, Any] | None:
    """Return the checkpoint of the same training, or None; a warning tells of one that is broken or does not fit."""
    import torch

    path = folder / FILE
    if not path.exists():
        return None
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        logger.warning(f"{path} cannot be read ({error}): training starts anew")
        return None
    if content.pop("key") != key:
        logger.warning(f"{path} is of other parameters, inputs or code: training starts anew")
        return None
    return content


def remove(folder: Path) -> None:
    """Remove the checkpoint of a training that has finished."""
    (folder / FILE).unlink(missing_ok=True)
    status.remove(folder)
