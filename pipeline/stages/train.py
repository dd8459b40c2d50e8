"""Train a model into models/MODEL/: `python -m pipeline train MODEL`. A frozen model is recorded as it is.

If several processes are started (`torchrun --nproc-per-node=2 -m pipeline train MODEL`, or by Slurm with the variables
that torchrun sets), they share each batch among them; the result differs from a single process only by rounding.

To resume a killed run, run the same command again: it ends with the same weights as a run without an interruption.
Nothing that is written depends on the clock, so that the same inputs give the same bytes (on a CPU).
"""

from __future__ import annotations

import logging
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core.errors import SitterError, nearest
from pipeline.core.layout import Layout
from pipeline.params.recipe import recipe_of

if TYPE_CHECKING:
    from pipeline.params import Study
    from pipeline.training.stop import StopRequest

logger = logging.getLogger(__name__)


def run(study: Study, model: str, root: Path = Path()) -> None:
    """Write `model.json`, and for a trained model `weights.safetensors`, `history.csv` and `metrics.json`.

    A centred model gets `mean.safetensors`, too: the mean of its training faces, float32 [dim].

    A loss with class centres leaves them in `centres.safetensors`, float32 [sitters, dim] or [sitters, each, dim], in
    the order of the training sitters' names.

    Raises:
        SitterError: there is no such model, inputs do not fit, another run is training the same model, the loss is not
            finite, or another process of this training failed.
        SystemExit: one of the processes got SIGTERM or SIGUSR1; the status is 75, and a checkpoint is written.
    """
    if model not in study.models:
        raise SitterError(f"there is no model {model!r} in the study; {nearest(model, study.models)}")
    from pipeline.training.stop import stop_request

    # Signals are watched before torch is imported: a signal in the meantime is a stop, not a failure.
    with stop_request() if study.models[model].is_trained else nullcontext() as stop:
        make(study, model, stop, Layout.of(study, root))


def make(study: Study, model: str, stop: StopRequest | None, at: Layout) -> None:
    """Build a network, train it unless it is frozen, and write the folder of the model.

    If several processes train it together, the first one writes. A training goes on from its checkpoint, which is kept
    until the model is written.

    Args:
        study: the study.
        model: the name of the model.
        stop: a request to stop the training; None: the model is frozen.
        at: the project that holds faces and weights.
    """
    recipe = recipe_of(study, model)
    import torch

    from pipeline.models.build import build
    from pipeline.models.device import device
    from pipeline.models.save import write_model
    from pipeline.plan.fingerprint import code, module_code
    from pipeline.store.models import Story
    from pipeline.training import checkpoint
    from pipeline.training.centring import mean_vector
    from pipeline.training.compiling import check_compiler
    from pipeline.training.data import read_faces
    from pipeline.training.prepare import prepare
    from pipeline.training.processes import connected
    from pipeline.training.tracking import Tracked

    trained_by = code("train", *recipe.kinds)
    built_by = module_code("pipeline.models.build", *recipe.network_kinds)
    with connected() as processes, ExitStack() as held:
        with processes.together():
            if stop is not None:
                if recipe.precision == "fp16" and processes.device.type == "cpu":
                    raise SitterError("training.precision is fp16, which needs a GPU; found: cpu. Use bf16 or fp32.")
                if recipe.training.compile is True:
                    check_compiler(processes.device.type)
                if lacking := recipe.watch.options.lacking():
                    raise SitterError(lacking)
                key = checkpoint.key(recipe, trained_by, at, processes.world)
                folder = stop.folder = held.enter_context(checkpoint.locked(model, at, processes.first))
            faces = read_faces(recipe, at) if recipe.reads_faces else None
            built = build(recipe.model.backbone, recipe.model.adaptation, recipe.seed, at)
        state, network = None, built.network
        if stop is not None and faces is not None:
            run = prepare(recipe, built, faces, processes, stop, at)
            state, network = run.fit(folder, key, stop, Tracked(run.accelerator, recipe, at)), run.backbone
        with processes.together():  # all wait until the model is written: a launcher may end the others once one leaves
            if not processes.first:
                return
            mean = None
            if faces is not None and faces.for_mean is not None:
                place = processes.device if state is not None else torch.device(device())
                mean = mean_vector(recipe, network, faces.for_mean, place)
            story = Story(state.history, state.best_epoch, state.epoch, state.step) if state else None
            training, centres = (recipe.training, state.centres) if state else (None, {})
            write_model(at.model(model), network, recipe.model, recipe.seed, built_by, mean, training, centres, story)
            logger.info(f"{model}: {story.words if story else f'frozen, {network.dim} values a face'}")
            if stop is not None:
                checkpoint.remove(folder)
