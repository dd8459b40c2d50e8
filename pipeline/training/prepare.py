"""Puts the parts of a training together, and checks that they fit each other."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from numpy.typing import NDArray

from pipeline.core.errors import SitterError
from pipeline.core.layout import Layout
from pipeline.losses.samplers import make_sampler
from pipeline.losses.sharded_centres import share_out
from pipeline.models.backbone import count_parameters
from pipeline.models.build import AdaptedNetwork
from pipeline.training.augment import Augment
from pipeline.training.data import FacesToLearn
from pipeline.training.features import split_network
from pipeline.training.loop import Run
from pipeline.training.processes import Processes
from pipeline.training.stop import StopRequest
from pipeline.training.validation import ValidationLoss, lacking

if TYPE_CHECKING:
    from pipeline.params.recipe import Recipe

logger = logging.getLogger(__name__)


def prepare(
    recipe: Recipe,
    built: AdaptedNetwork,
    faces: FacesToLearn,
    processes: Processes,
    stop: StopRequest,
    at: Layout,
) -> Run:
    """Return a training that has not begun.

    On GPUs, trained batch normalisation computes its statistics over the batches of all processes. Torch has no such
    layer for CPUs: there each process computes them on its own share, and the results differ from a single process.
    With `batch_norm: process`, this also holds on GPUs. Frozen layers keep their statistics and do not differ.

    Args:
        recipe: the recipe of the model.
        built: the adapted network.
        faces: the faces of the train sitters and of the val sitters.
        processes: the processes that train the model together.
        stop: a request to stop, which is checked while features are computed.
        at: the project, which gets the files of a tracker.

    Raises:
        SitterError: the settings, the faces and the machine do not fit each other.
        SystemExit: the process was asked to stop.
    """
    model, training, train, val = recipe.name, recipe.training, faces.train, faces.judging
    network, adaptation, device = built.network, built.adaptation, processes.device
    accelerator = accelerated(recipe.precision, recipe.watch.options.tracker, at.home / "logs/tracking")
    with processes.together():
        torch.manual_seed(recipe.seed)
        loss = recipe.model.loss.make(network.dim, train.sitters)
        subsets, mirrored = [train, val], [training.mirror, recipe.model.mirror]
        unjudged, judge = "", None
        if training.keep == "val-eer":
            unjudged = check_patience(recipe, val.labels)
        elif training.keep == "val-loss":
            judge = ValidationLoss.of(model, training, loss, train, faces.val, processes, recipe.study_seed)
            subsets, mirrored = [*subsets, judge.faces], [*mirrored, False]
        sampler = make_sampler(training, train.labels, processes.rank, processes.world)
    if processes.world > 1 and device.type == "cuda" and training.batch_norm == "all":
        network = torch.nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
    network.to(device)
    if device.type == "cuda":  # faster on tensor cores; on a CPU, oneDNN crashes with it when small networks train
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    augment = None if training.augment is None else Augment(training.augment)

    def leave() -> None:
        processes.leave(stop, "no step was made yet, so only time is lost")

    parts = split_network(
        network, subsets, mirrored, device, training.cache_gb, training.workers, leave, processes,
        augment=augment, wants_first=adaptation.wants_features,
    )  # fmt: skip
    own, total = count_parameters(network)
    if parts.first is not None:
        adaptation.initialise(network, parts.first.to(device))
    if processes.world > 1 and train.sitters >= max(processes.world, training.shard_centres or math.inf):
        share_out(loss, processes.rank, processes.world)
    if processes.first:
        logger.info(f"{model}: {own:,} of {total:,} parameters are trained")
        logger.info(
            f"{model}: {len(train)} faces of {train.sitters} sitters, validated on {len(val)} of {val.sitters}; "
            f"{len(sampler)} batches an epoch; {parts.kept} of {len(network.stages)} stages computed beforehand"
        )
        if shortfall := sampler.shortfall():
            logger.warning(f"{model}: {shortfall}")
        if unjudged:
            logger.info(f"{model}: {unjudged}: epochs cannot be compared, so the last one is kept")
    return Run(accelerator, processes, training, network, adaptation, loss, sampler, parts, recipe.seed, judge)


def accelerated(precision: str, tracker: str | None = None, tracked: Path | None = None) -> Accelerator:
    """Return an Accelerator of the connected processes.

    Args:
        precision: `training.precision`.
        tracker: the tracker that records the training, if any.
        tracked: the folder of a tracker's files.
    """
    AcceleratorState._reset_state()  # one process may train several models, each in its own precision
    mixed = "no" if precision == "fp32" else precision
    return Accelerator(mixed_precision=mixed, log_with=tracker, project_dir=tracked if tracker else None)


def check_patience(recipe: Recipe, labels: NDArray[np.int64]) -> str:
    """Return why the val faces have no error rate (`lacking`); with a patience, which needs one, raise it as an error.

    Raises:
        SitterError: there is a patience, but the val faces have no equal error rate.
    """
    why = lacking(labels)
    patience, datasets = recipe.training.patience, recipe.training.train_on
    if why and patience is not None:
        raise SitterError(
            f"models.{recipe.name}: patience is {patience}, but no epoch can be judged: in {', '.join(datasets)}, "
            f"{why}. Set patience: null, or give split.….val a share with at least two sitters, one of them with two "
            "images (and make val_images large enough for them)."
        )
    return why
