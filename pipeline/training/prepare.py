"""Puts the parts of a training together, and checks that they fit each other."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING

import torch
from accelerate import Accelerator

from pipeline.losses.samplers import make_sampler
from pipeline.losses.sharded_centres import share_out
from pipeline.models.adaptation import Adaptation
from pipeline.models.backbone import Backbone, count_parameters
from pipeline.training.augment import Augment
from pipeline.training.data import Faces
from pipeline.training.features import split_network
from pipeline.training.loop import Run
from pipeline.training.processes import Processes
from pipeline.training.stop import StopRequest
from pipeline.training.validation import ValidationLoss, check_patience

if TYPE_CHECKING:
    from pipeline.params.recipe import Recipe

logger = logging.getLogger(__name__)


def prepare(
    recipe: Recipe,
    network: Backbone,
    adaptation: Adaptation,
    faces: Faces,
    every_val: Faces,
    accelerator: Accelerator,
    stop: StopRequest,
) -> Run:
    """Return a training that has not begun.

    On GPUs, trained batch normalisation computes its statistics over the batches of all processes. Torch has no such
    layer for CPUs: there each process computes them on its own share, and the results differ from a single process.
    With `batch_norm: process`, this also holds on GPUs. Frozen layers keep their statistics and do not differ.

    Args:
        recipe: the recipe of the model.
        network: the adapted network.
        adaptation: its adaptation.
        faces: the faces of the train sitters.
        every_val: the faces of the val sitters; `training.val_images` of them give an error rate.
        accelerator: decides on device, processes and precision.
        stop: a request to stop, which is checked while features are computed.

    Raises:
        SitterError: the settings, the faces and the machine do not fit each other.
        SystemExit: the process was asked to stop.
    """
    model, training, processes = recipe.name, recipe.training, Processes.of(accelerator)
    with processes.together():
        torch.manual_seed(recipe.seed)
        loss = recipe.model.loss.make(network.dim, faces.sitters)
        val = every_val.at_most(training.val_images, recipe.study_seed)
        subsets, mirrored = [faces, val], [training.mirror, recipe.model.mirror]
        unjudged, judge = "", None
        if training.keep == "val-eer":
            unjudged = check_patience(model, training.patience, val.labels, training.train_on)
        elif training.keep == "val-loss":
            judge = ValidationLoss.of(model, training, loss, faces, every_val, processes, recipe.study_seed)
            subsets, mirrored = [*subsets, judge.faces], [*mirrored, False]
        sampler = make_sampler(training, faces.labels, processes.rank, processes.world)
    device = accelerator.device
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
    if processes.world > 1 and faces.sitters >= max(processes.world, training.shard_centres or math.inf):
        share_out(loss, processes.rank, processes.world)
    if processes.first:
        logger.info(f"{model}: {own:,} of {total:,} parameters are trained")
        logger.info(
            f"{model}: {len(faces)} faces of {faces.sitters} sitters, validated on {len(val)} of {val.sitters}; "
            f"{len(sampler)} batches an epoch; {parts.kept} of {len(network.stages)} stages computed beforehand"
        )
        if shortfall := sampler.shortfall():
            logger.warning(f"{model}: {shortfall}")
        if unjudged:
            logger.info(f"{model}: {unjudged}: epochs cannot be compared, so the last one is kept")
    return Run(accelerator, training, network, adaptation, loss, sampler, parts, recipe.seed, judge)
