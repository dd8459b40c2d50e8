"""Train a model into models/MODEL/: `python -m pipeline train MODEL`. A frozen model is recorded as it is.

If several processes are started (`torchrun --nproc-per-node=2 -m pipeline train MODEL`, or by Slurm with the variables
that torchrun sets), they share each batch among them; the result differs from a single process only by rounding.

To resume a killed run, run the same command again: it ends with the same weights as a run without an interruption.
Nothing that is written depends on the clock, so that the same inputs give the same bytes (on a CPU).
"""

from __future__ import annotations

import logging
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core.errors import SitterError, nearest
from pipeline.core.layout import Layout
from pipeline.params.recipe import Recipe, recipe_of

if TYPE_CHECKING:
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
    from pipeline.training.stop import stop_request

    # Signals are watched before torch is imported: a signal in the meantime is a stop, not a failure.
    with stop_request() if recipe.is_trained else nullcontext() as stop:
        from pipeline.plan.fingerprint import code, module_code
        from pipeline.training.fitting import made

        trained_by = code("train", *recipe.kinds)
        built_by = module_code("pipeline.models.build", *recipe.network_kinds)
        with made(recipe, trained_by, stop, at) as found:
            if found is not None:
                write(recipe, found, built_by, at)


def write(recipe: Recipe, made: Made, code: str, at: Layout) -> None:
    """Write the folder of a model, with the fingerprint of the code that builds it, and log how the training went."""
    from pipeline.models.save import write_model
    from pipeline.store.models import VAL_LOSS, Story

    model, state = recipe.name, made.state
    story = Story(state.history, state.best_epoch, state.epoch, state.step) if state else None
    training, centres = (recipe.training, state.centres) if state else (None, {})
    write_model(at.model(model), made.network, recipe.model, recipe.seed, code, made.mean, training, centres, story)
    if story is None:
        logger.info(f"{model}: frozen, {made.network.dim} values a face")
        return
    kept = story.kept
    error = "" if kept["val_eer"] is None else f", val EER {100 * kept['val_eer']:.2f} %"
    error += f", val loss {kept[VAL_LOSS]:.4g}" if VAL_LOSS in kept else ""
    logger.info(f"{model}: epoch {kept['epoch']} of {story.epochs} kept, loss {kept['loss']:.4g}{error}")
