"""Checkpoints: everything that a killed training needs to end in the very weights it would have ended in.

Random states are not among it: every step seeds its own, by (seed, epoch, position, process), so that a run can go on
on another number of processes, too.
"""

from __future__ import annotations

import json
import logging
import math
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.core.errors import SitterError
from pipeline.core.files import atomic_file
from pipeline.plan import fingerprint
from pipeline.plan.layout import HERE, MANIFEST, Layout
from pipeline.training import status

if TYPE_CHECKING:
    from torch import Tensor

    from pipeline.params.losses import Loss
    from pipeline.params.recipe import Recipe
    from pipeline.params.train import Training

logger = logging.getLogger(__name__)

FILE = "checkpoint.pt"
KINDS = ("backbones", "adaptations", "losses")
# Settings that say how a model is trained, but change nothing of what comes of it.
WITHOUT_EFFECT = {"checkpoint_seconds", "workers", "shard_centres"}


@dataclass
class State:
    """How far a training is: what a checkpoint holds beside the states of the parts."""

    epoch: int = 0
    """Epochs done."""
    position: int = 0
    """Batches done of the next one."""
    step: int = 0
    """Steps of the optimiser."""
    loss: float = 0.0
    """Sum over the batches of this epoch."""
    best_figure: float = math.inf
    """The lowest of the figure by which an epoch is kept (`training.keep`)."""
    best_epoch: int = 0
    best: dict[str, Tensor] = field(default_factory=dict)
    """Trained weights after the best epoch."""
    centres: dict[str, Tensor] = field(default_factory=dict)
    """The loss's class centres after it, of all training sitters; of several processes, the first's alone has all."""
    history: list[dict[str, float | int | None]] = field(default_factory=list)

    def row(self, loss: float, val_eer: float, lr: float) -> dict[str, float | int | None]:
        """Return the row of the history of the epoch that has just ended; epoch 0 is before the training.

        Args:
            loss: mean over its batches.
            val_eer: equal error rate on the val faces; NaN where there is none.
            lr: learning rate of its last step.
        """
        return {
            "epoch": self.epoch,
            "step": self.step,
            "loss": loss if self.epoch else None,
            "val_eer": None if math.isnan(val_eer) else val_eer,
            "lr": lr if self.epoch else None,
        }

    def place(self, batches: int) -> str:
        """Return where the training is, in words; an epoch has so many batches."""
        return f"epoch {self.epoch + 1}, {self.position} of {batches} batches done"

    def error(self) -> dict[str, str]:
        """Return the last validation's, for the progress line."""
        error = self.history[-1]["val_eer"]
        return {} if error is None else {"val EER": f"{100 * error:.2f} %"}


def key(recipe: Recipe, world: int = 1, at: Layout = HERE) -> str:
    """What a checkpoint belongs to: parameters, inputs, code. A checkpoint with another key is of another training.

    Args:
        recipe: of the model.
        world: processes that train it, which count where batches or negatives are those of a process.
        at: where the inputs lie.
    """
    import torch

    entry, training = recipe.model, recipe.training
    inputs = [folder(d) / MANIFEST for d in training.train_on for folder in (at.faces, at.split)]
    inputs += [at.raw(weights) / MANIFEST for weights in entry.backbone.entries().values()]
    options = zip(KINDS, (entry.backbone, entry.adaptation, entry.loss), strict=True)
    kinds = [f"{sort}/{kind}" for sort, chosen in options for kind in chosen.kinds()]
    of = {
        "seed": [recipe.study_seed, recipe.seed],  # of the choice of val faces, and of the training
        "model": entry.model_dump(exclude={"training"}),
        "training": training.model_dump(exclude=WITHOUT_EFFECT),
        "inputs": {str(path.relative_to(at.home)): _content(path) for path in inputs},
        "code": fingerprint.code("train", *kinds),
        "world": world if per_process(training, entry.loss) else None,
        "torch": torch.__version__,
    }
    return sha256(json.dumps(of, sort_keys=True).encode()).hexdigest()


def per_process(training: Training, loss: Loss) -> bool:
    """Whether what is trained depends on the number of processes: their batches or negatives are their own."""
    losses = getattr(loss, "losses", [loss])  # no kind by name: a model depends on the code of its own alone
    return training.batch_per == "process" or any(getattr(one, "negatives", "all") == "process" for one in losses)


def _content(path: Path) -> str:
    try:
        return sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        raise SitterError(f"{path} does not exist: run the stage that makes it first.") from None


@contextmanager
def locked(model: str, first: bool = True, at: Layout = HERE) -> Iterator[Path]:
    """The folder of a model's checkpoints, held by this process alone; the lock of a dead process holds nobody up.

    Args:
        model: its name.
        first: of several processes that train together, only the first holds the lock.
        at: the project that the checkpoints lie in.

    Raises:
        SitterError: another process trains the model now.
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
    """Write a checkpoint over the last one; a kill at any moment leaves one of the two, whole."""
    import torch

    with atomic_file(folder / FILE) as part:
        torch.save({"key": key, **content}, part)


def load(folder: Path, key: str) -> dict[str, Any] | None:
    """The checkpoint of the same training; None where there is none, and a word where there is another's."""
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
    """Forget the checkpoint of a training that has come to its end."""
    (folder / FILE).unlink(missing_ok=True)
    status.remove(folder)
