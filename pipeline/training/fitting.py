"""Makes the network of a model: builds it, and trains it if the study says so, on one process or several."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pipeline.core.layout import HERE, Layout
from pipeline.models.backbone import Backbone
from pipeline.models.build import build
from pipeline.models.device import device
from pipeline.training import checkpoint
from pipeline.training.centring import mean_vector
from pipeline.training.checkpoint import State
from pipeline.training.compiling import check_compiler
from pipeline.training.data import read_faces
from pipeline.training.prepare import prepare
from pipeline.training.processes import Processes, start
from pipeline.training.tracking import tracked

if TYPE_CHECKING:
    from pipeline.params.recipe import Recipe
    from pipeline.training.stop import StopRequest


@dataclass(frozen=True)
class Made:
    """A network that is ready to be written."""

    network: Backbone
    mean: Tensor | None
    """The mean unit vector of the training faces, float32 [dim]; None: the model is not centred."""
    state: State | None
    """The state at the end of the training; the network has the weights of the best epoch. None: it is frozen."""


@contextmanager
def made(recipe: Recipe, code: str, stop: StopRequest | None, at: Layout = HERE) -> Iterator[Made | None]:
    """Build a network, train it unless it is frozen, and yield it.

    The first process gets the network and must write the model in the block; the others get None and wait. An error in
    the block ends all processes. A training goes on from its checkpoint, which is kept until the block ends.

    Args:
        recipe: the recipe of the model.
        code: the fingerprint of the code that trains it.
        stop: a request to stop the training; None: the model is frozen.
        at: the project that holds faces and weights.

    Raises:
        SitterError: inputs do not fit, another run is training the same model, the loss is not finite, or another
            process of this training failed.
        SystemExit: one of the processes got SIGTERM or SIGUSR1; the status is 75, and a checkpoint is written.
    """
    training, watch = recipe.training, recipe.watch
    with ExitStack() as held:
        accelerator = start(recipe.precision, watch.options.tracker, at.home / "logs/tracking")
        processes = Processes.of(accelerator)
        held.enter_context(processes.connected())
        with processes.together():
            if stop is not None:
                if training.compile is True:
                    check_compiler(accelerator.device.type)
                key = checkpoint.key(recipe, code, processes.world, at)
                folder = stop.folder = held.enter_context(checkpoint.locked(recipe.name, processes.first, at))
            faces = read_faces(training.train_on, recipe.splits, training.fold, at) if recipe.reads_faces else None
            network, adaptation = build(recipe.model.backbone, recipe.model.adaptation, recipe.seed, at)
        state = None
        if stop is not None:
            assert faces is not None, "a trained model reads faces"
            run = prepare(recipe, network, adaptation, *faces, accelerator, stop)
            run.tracked = tracked(recipe, accelerator, at)
            held.callback(run.tracked.end)
            state, network = run.fit(folder, key, stop), run.backbone
        with processes.together():  # all wait until the model is written: a launcher may end the others once one leaves
            if not processes.first:
                yield None
                return
            mean = None
            if recipe.model.centre and faces is not None:
                place = torch.device(device()) if state is None else accelerator.device
                mean = mean_vector(recipe, network, faces[0], place, at)
            yield Made(network, mean, state)
            if stop is not None:
                checkpoint.remove(folder)
