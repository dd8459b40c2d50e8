"""Train a model into models/MODEL/: `python -m pipeline train MODEL`. A frozen model is recorded as it is.

If several processes are started (`torchrun --nproc-per-node=2 -m pipeline train MODEL`, or by Slurm with the variables
that torchrun sets), they share each batch among them; the result differs from a single process only by rounding.

To resume a killed run, run the same command again: it ends with the same weights as a run without an interruption.
Nothing that is written depends on the clock, so that the same inputs give the same bytes (on a CPU).
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core.errors import SitterError, nearest
from pipeline.core.layout import Layout
from pipeline.params.recipe import Recipe, recipe_of
from pipeline.params.tracking import watch_of

if TYPE_CHECKING:
    from torch import Tensor

    from pipeline.params import Study
    from pipeline.training.fitting import Made

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
    recipe, at = recipe_of(study, model), Layout.of(study, root)
    if recipe.is_trained:
        from pipeline.training.stop import stop_request

        with stop_request() as stop:  # before torch is imported: a signal in the meantime is a stop, not a failure
            from pipeline.training.fitting import trained

            with trained(recipe, watch_of(study), stop, at) as made:
                if made is not None:
                    write(recipe, made, at)
        return
    from pipeline.training.fitting import frozen

    with frozen(recipe, at) as made:
        if made is not None:
            write(recipe, made, at)


def write(recipe: Recipe, made: Made, at: Layout) -> None:
    """Write the folder of a model, and log how the training went."""
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
    """Return the mean unit vector of a centred model's training faces, float32 [dim]; None if it is not centred.

    The network gets the model's further crops first, since they change its vectors.
    """
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
    logger.info(f"{recipe.name}: centred on the mean of training faces, a vector of length {float(mean.norm()):.2f}")
    return mean
