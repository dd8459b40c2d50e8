"""Train a model into models/MODEL/: `python -m pipeline train MODEL`. A frozen one is recorded as it is.

Started as several processes (`torchrun --nproc-per-node=2 -m pipeline train MODEL`, or by Slurm with the variables that
torchrun sets), they share out each batch and train what one process alone would train, but for rounding.

A killed run is gone on with by the same command and ends in the very weights it would have ended in. Nothing that is
written depends on the clock, so that the same inputs give the same bytes (on a CPU).
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core.errors import SitterError, nearest
from pipeline.params.recipe import Recipe, recipe_of
from pipeline.params.tracking import watch_of
from pipeline.plan.layout import Layout

if TYPE_CHECKING:
    from torch import Tensor

    from pipeline.params import Study
    from pipeline.training.fitting import Made

logger = logging.getLogger(__name__)


def run(study: Study, model: str, root: Path = Path()) -> None:
    """Write `model.json`, and for a trained model `weights.safetensors`, `history.csv` and `metrics.json`.

    Of a centred model, the mean of its training faces in `mean.safetensors`, float32 [dim].

    A loss with class centres leaves them in `centres.safetensors`, float32 [sitters, dim] or [sitters, each, dim], in
    the order of the training sitters' names.

    Raises:
        SitterError: no such model, inputs that do not fit, another process at it, a loss that is not finite, or
            another process of the same training that failed.
        SystemExit: status 75 after SIGTERM or SIGUSR1 to one of the processes; a checkpoint is written.
    """
    if model not in study.models:
        raise SitterError(f"there is no model {model!r} in the study; {nearest(model, study.models)}")
    recipe, at = recipe_of(study, model), Layout.of(study, root)
    watch = watch_of(study) if recipe.is_trained else None
    from pipeline.training.fitting import frozen, trained

    with frozen(recipe, at) if watch is None else trained(recipe, watch, at) as made:
        if made is not None:
            write(recipe, made, at)


def write(recipe: Recipe, made: Made, at: Layout) -> None:
    """Write the folder of a model, and tell how it went."""
    from pipeline.models.save import write_model
    from pipeline.store.models import VAL_LOSS, Story

    model, mean, state = recipe.name, centre(recipe, made, at), made.state
    story = Story(state.history, state.best_epoch, state.epoch, state.step) if state else None
    training, centres = (recipe.training, state.centres) if state else (None, {})
    write_model(at.model(model), made.network, recipe.model, recipe.seed, mean, training, centres, story)
    if story is None:
        logger.info(f"{model}: frozen, {made.network.dim} values a face")
        return
    kept = story.kept
    error = "" if kept["val_eer"] is None else f", val EER {100 * kept['val_eer']:.2f} %"
    error += f", val loss {kept[VAL_LOSS]:.4g}" if VAL_LOSS in kept else ""
    logger.info(f"{model}: epoch {kept['epoch']} of {story.epochs} kept, loss {kept['loss']:.4g}{error}")


def centre(recipe: Recipe, made: Made, at: Layout) -> Tensor | None:
    """Return the mean unit vector of a centred model's training faces, float32 [dim]; its crops are added first."""
    if not recipe.model.centre or made.faces is None:
        return None
    from pipeline.models.crops import add_crops
    from pipeline.store.splits import TESTED, sitters_of
    from pipeline.training.centring import mean_vector

    tested = {
        dataset: {sitter for other in others for sitter in sitters_of(other, TESTED, at).values()}
        for dataset, others in recipe.tested_in.items()
    }
    add_crops(made.network, recipe.model.crops)
    network, workers = made.network.to(made.device), recipe.training.workers
    mean = mean_vector(recipe.name, network, made.faces, recipe.model.mirror, tested, made.device, workers)
    logger.info(f"{recipe.name}: centred on the mean of training faces, whose length is {float(mean.norm()):.2f}")
    return mean
