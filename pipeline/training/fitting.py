"""Makes the network of a model: builds it, and trains it if the study says so, on one process or several."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from pipeline.core.layout import HERE, Layout
from pipeline.models.backbone import Backbone, load_trained_state
from pipeline.models.build import build
from pipeline.models.device import device
from pipeline.training import checkpoint
from pipeline.training.checkpoint import State
from pipeline.training.data import Faces, read_faces
from pipeline.training.prepare import prepare
from pipeline.training.processes import Processes, several, start
from pipeline.training.tracking import tracked

if TYPE_CHECKING:
    from pipeline.params.recipe import Recipe
    from pipeline.params.tracking import Watch
    from pipeline.training.stop import StopRequest


@dataclass(frozen=True)
class Made:
    """A network that is ready to be written."""

    network: Backbone
    device: torch.device
    faces: Faces | None
    """The faces of the train sitters; None for a frozen model that is not centred."""
    state: State | None = None
    """The state at the end of the training; the network has the weights of the best epoch. None: it is frozen."""


@contextmanager
def frozen(recipe: Recipe, at: Layout = HERE) -> Iterator[Made | None]:
    """Build a frozen network and yield it on the first process; on the others, yield None.

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
def trained(recipe: Recipe, watch: Watch, stop: StopRequest, at: Layout = HERE) -> Iterator[Made | None]:
    """Build a network, train it, from a checkpoint if there is one, and yield it with the weights of the best epoch.

    The first process gets the network and must write the model in the block; the others get None and wait. An error in
    the block ends all processes. The checkpoint is kept until the block ends.

    Raises:
        SitterError: inputs do not fit, another run is training the same model, the loss is not finite, or another
            process of this training failed.
        SystemExit: one of the processes got SIGTERM or SIGUSR1; the status is 75, and a checkpoint is written.
    """
    with ExitStack() as held:
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
        with processes.together():  # all wait until the model is written: a launcher may end the others once one leaves
            if processes.first:
                load_trained_state(run.backbone, state.best)
                yield Made(run.backbone, accelerator.device, run.train.dataset.faces, state)
                checkpoint.remove(folder)
            else:
                yield None
