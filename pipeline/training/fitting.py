"""A model's network, ready to be written: built, and trained where the study says so, on one process or several."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from pipeline.models.backbone import Backbone, load_trained_state
from pipeline.models.build import build
from pipeline.models.device import device
from pipeline.plan.layout import HERE, Layout
from pipeline.training import checkpoint
from pipeline.training.checkpoint import State
from pipeline.training.data import Faces, read_faces
from pipeline.training.launch import start
from pipeline.training.prepare import prepare
from pipeline.training.processes import Processes, several
from pipeline.training.stop import stop_request
from pipeline.training.tracking import tracked

if TYPE_CHECKING:
    from pipeline.params.recipe import Recipe
    from pipeline.params.tracking import Watch


@dataclass(frozen=True)
class Made:
    """A network that is ready to be written."""

    network: Backbone
    device: torch.device
    faces: Faces | None
    """Of the train sitters; of a frozen model only where it is centred."""
    state: State | None = None
    """Of the training at its end, with the weights of the best epoch, which the network has; None: it is frozen."""


@contextmanager
def frozen(recipe: Recipe, at: Layout = HERE) -> Iterator[Made | None]:
    """Build a frozen network, and hand it out to the first process; the others are given None.

    Raises:
        SitterError: weights or faces are absent or do not fit, or another process failed.
    """
    processes = Processes.of(start("fp32")) if several() else Processes()
    with processes.connected(), processes.together():
        if processes.first:
            network, _ = build(recipe.model.backbone, recipe.model.adaptation, recipe.seed, at)
            faces = None
            if recipe.model.centre:
                faces, _ = read_faces(recipe.training.train_on, recipe.splits, recipe.training.fold, at)
            yield Made(network, torch.device(device()), faces)
        else:
            yield None


@contextmanager
def trained(recipe: Recipe, watch: Watch, at: Layout = HERE) -> Iterator[Made | None]:
    """Build a network, train it, from a checkpoint where there is one, and hand it out with the best epoch's weights.

    The first process is given it and is to write the model; the others are given None and wait for it. An error in the
    block ends all of them, and the checkpoint is kept until the block is at its end.

    Raises:
        SitterError: inputs that do not fit, another process at it, a loss that is not finite, or another process of
            the same training that failed.
        SystemExit: status 75 after SIGTERM or SIGUSR1 to one of the processes; a checkpoint is written.
    """
    with stop_request() as stop, ExitStack() as held:
        accelerator = start(recipe.training.precision, watch.options.tracker, at.home / "logs/tracking")
        processes = Processes.of(accelerator)
        held.enter_context(processes.connected())
        with processes.together():
            key = checkpoint.key(recipe, processes.world, at)
            folder = held.enter_context(checkpoint.locked(recipe.name, processes.first, at))
        stop.folder = folder
        run = prepare(recipe, accelerator, stop, at)
        run.tracked = tracked(recipe, watch, accelerator, at)
        held.callback(run.tracked.end)
        state = run.fit(folder, key, stop)
        with processes.together():  # no process leaves before all is written: a launcher may then end the others
            if processes.first:
                load_trained_state(run.backbone, state.best)
                yield Made(run.backbone, accelerator.device, run.train.dataset.faces, state)
                checkpoint.remove(folder)
            else:
                yield None
