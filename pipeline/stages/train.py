"""Train a model into models/MODEL/: `python -m pipeline train MODEL`. A frozen one is recorded as it is.

Started as several processes (`torchrun --nproc-per-node=2 -m pipeline train MODEL`, or by Slurm with the variables that
torchrun sets), they share out each batch and train what one process alone would train, but for rounding.

A killed run is gone on with by the same command and ends in the very weights it would have ended in. Nothing that is
written depends on the clock, so that the same inputs give the same bytes (on a CPU).
"""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.core.errors import SitterError
from pipeline.plan.layout import HERE, Layout

if TYPE_CHECKING:
    import torch
    from accelerate import Accelerator
    from torch import Tensor

    from pipeline.models.backbone import Backbone
    from pipeline.params import Study
    from pipeline.training.checkpoint import State
    from pipeline.training.loop import Run
    from pipeline.training.stop import StopRequest
    from pipeline.training.tracking import Tracked

logger = logging.getLogger(__name__)

HISTORY = ["epoch", "step", "loss", "val_eer", "lr"]
BY_VAL_LOSS = "val_loss"  # a further column, where it chooses the epoch


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
        from pipeline.core.errors import nearest

        raise SitterError(f"there is no model {model!r} in the study; {nearest(model, study.models)}")
    if study.models[model].adaptation.kind == "none":
        record(study, model, Layout.of(study, root))
    else:
        from pipeline.training.stop import stop_request

        with stop_request() as stop:
            train(study, model, stop, Layout.of(study, root))


def record(study: Study, model: str, at: Layout = HERE) -> None:
    """The folder of a frozen model."""
    import torch

    from pipeline.core.files import output_folder
    from pipeline.models.build import build
    from pipeline.models.device import device
    from pipeline.models.save import write_model
    from pipeline.training.processes import Processes, several

    entry = study.models[model]
    processes = Processes.of(start("fp32")) if several() else Processes()
    with processes.connected(), processes.together():
        if processes.first:
            network, _ = build(entry.backbone, entry.adaptation, study.seed_of(model), at)
            mean = centre(study, model, network, torch.device(device()), at)
            with output_folder(at.model(model)) as folder:
                write_model(folder, network, entry, None, study.seed_of(model), mean)
            logger.info(f"{model}: frozen, {network.dim} values a face")


def train(study: Study, model: str, stop: StopRequest, at: Layout = HERE) -> None:
    """Train, from a checkpoint where there is one, and write the folder."""
    from contextlib import ExitStack

    from pipeline.training import checkpoint
    from pipeline.training.processes import Processes

    if sentence := study.tracking.lacking():
        raise SitterError(sentence)
    accelerator = start(study.training(model).precision, study.tracking.tracker, at)
    processes = Processes.of(accelerator)
    with processes.connected(), ExitStack() as held:
        with processes.together():
            key = checkpoint.key(study, model, processes.world, at)
            checkpoints = held.enter_context(checkpoint.locked(model, processes.first, at))
        stop.folder = checkpoints
        work = prepare(study, model, accelerator, stop, at)
        work.tracked = tracked(study, model, accelerator, at)
        held.callback(work.tracked.end)
        state = work.fit(checkpoints, key, stop)
        with processes.together():  # no process leaves before all is written: a launcher may then end the others
            if processes.first:
                write(study, model, work, state, at)
                checkpoint.remove(checkpoints)


def tracked(study: Study, model: str, accelerator: Accelerator, at: Layout) -> Tracked:
    """What watches a training, opened."""
    from pipeline.params.metrics.all_pairs import AllPairsOptions
    from pipeline.params.metrics.kfold import KfoldOptions
    from pipeline.training.tracking import Tracked

    named = {name: study.evaluate.benchmarks[name] for name in study.tracking.benchmarks}
    benchmarks = {name: b for name, b in named.items() if isinstance(b, AllPairsOptions | KfoldOptions)}
    entry, far, seed = study.models[model], study.evaluate.far, study.seed
    found = Tracked(accelerator, model, study.tracking, benchmarks, far, entry.mirror, seed, at)
    found.begin({"backbone": entry.backbone.kind, "loss": entry.loss.kind} | study.training(model).model_dump())
    return found


def start(precision: str, tracker: str | None = None, at: Layout = HERE) -> Accelerator:
    """Device, processes and precision: what the launcher's variables say, else the GPU, else the CPU.

    A tracker that writes files does so among the logs, which are no output of any stage.

    Raises:
        SitterError: the variables or GPUs of several processes are incomplete, they do not meet, or the precision
            needs a GPU.
    """
    import torch
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState

    from pipeline.models.device import repeatable
    from pipeline.training.processes import check_launch, meeting, several

    check_launch(torch.cuda.device_count())
    if torch.cuda.is_available():
        repeatable("warn")
    AcceleratorState._reset_state()  # one process may train several models, each in its own precision
    with meeting():
        accelerator = Accelerator(
            mixed_precision="no" if precision == "fp32" else precision,
            cpu=several() and not torch.cuda.is_available(),  # unless told, Accelerate runs each process alone on a CPU
            log_with=tracker,
            project_dir=at.home / "logs/tracking" if tracker else None,
        )
    if precision == "fp16" and accelerator.scaler is None:
        raise SitterError(
            f"training.precision is fp16, which needs a GPU; found: {accelerator.device}. Use bf16 or fp32."
        )
    return accelerator


def prepare(study: Study, model: str, accelerator: Accelerator, stop: StopRequest, at: Layout = HERE) -> Run:
    """Put faces, network, loss and sampler together; everything that can be wrong with them is found here.

    Batch normalisation that is trained takes its statistics over the batches of all processes on GPUs; on CPUs, for
    which torch has no such layer, each process takes those of its own share, and the figures are not those of one
    process alone. What is frozen keeps its statistics and is the same either way. With `batch_norm: process`, each
    process takes those of its own share on GPUs, too.
    """
    import torch

    from pipeline.losses.make_sampler import make_sampler
    from pipeline.losses.sharded_centres import share_out
    from pipeline.models.backbone import count_parameters, frozen_prefix
    from pipeline.models.build import build
    from pipeline.training.compiling import check_compiler
    from pipeline.training.data import read_faces
    from pipeline.training.features import first_features, split_network
    from pipeline.training.gradients import FullPrecision
    from pipeline.training.loop import Run
    from pipeline.training.processes import Processes
    from pipeline.training.validation import check_patience
    from pipeline.training.validation_loss import ValidationLoss, check_val_faces, judges_alone

    entry, training = study.models[model], study.training(model)
    processes = Processes.of(accelerator)
    with processes.together():
        if training.compile is True:
            check_compiler(accelerator.device.type)
        faces, val = read_faces(training.train_on, study.split, training.fold, at)
        every_val, val = val, val.at_most(training.val_images, study.seed)
        unjudged = ""
        if training.keep == "val-eer":
            unjudged = check_patience(model, training.patience, val.labels, training.train_on)
        sampler = make_sampler(training, faces.labels, study.seed_of(model), processes.rank, processes.world)
        network, adaptation = build(entry.backbone, entry.adaptation, study.seed_of(model), at)
        torch.manual_seed(study.seed_of(model))
        loss = FullPrecision(entry.loss.make(network.dim, faces.sitters))
        subsets, mirrored, of_val = [faces, val], [training.mirror, entry.mirror], None
        if training.keep == "val-loss":
            alone = judges_alone(loss)
            judges = every_val.known_to(faces) if alone else every_val
            check_val_faces(model, training.train_on, len(judges), alone, processes.world)
            if not alone:
                of_val = make_sampler(training, judges.labels, study.seed, processes.rank, processes.world)
            subsets, mirrored = [*subsets, judges], [*mirrored, False]
    if processes.world > 1 and accelerator.device.type == "cuda" and training.batch_norm == "all":
        network = torch.nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
    network.to(accelerator.device)
    if accelerator.device.type == "cuda":  # tensor cores like it; on a CPU, oneDNN crashes training small networks so
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    augment = None
    if training.augment is not None:
        from pipeline.training.augment import Augment

        augment = Augment(training.augment, study.seed_of(model))

    def leave() -> None:
        processes.leave(stop, "no step was made yet, nothing is lost but time")

    device, cache, workers = accelerator.device, training.cache_gb, training.workers
    trained, inputs = split_network(
        network, subsets, mirrored, device, cache, workers, leave, processes, augment=augment
    )
    if adaptation.wants_features:
        adaptation.initialise(network, first_features(network, inputs[0], leave, processes).to(device))
    if processes.world > 1 and faces.sitters >= max(processes.world, training.shard_centres or math.inf):
        share_out(loss, processes.rank, processes.world)
    kept = frozen_prefix(network) if inputs[0].kept is not None else 0
    if processes.first:
        own, total = count_parameters(network)
        logger.info(f"{model}: {own:,} of {total:,} parameters are trained")
        logger.info(
            f"{model}: {len(faces)} faces of {faces.sitters} sitters, validated on {len(val)} of {val.sitters}; "
            f"{len(sampler)} batches an epoch; {kept} of {len(network.stages)} stages computed beforehand"
        )
        if shortfall := sampler.shortfall():
            logger.warning(f"{model}: {shortfall}")
        if unjudged:
            logger.info(f"{model}: {unjudged}: no epoch is better than another, and the last is kept")
    seed = study.seed_of(model)
    judge = None if len(inputs) < 3 else ValidationLoss(loss, inputs[2], of_val, processes, study.seed)
    of_both = inputs[0], inputs[1]
    return Run(accelerator, training, network, adaptation, loss, sampler, trained, *of_both, seed, judge)


def write(study: Study, model: str, work: Run, state: State, at: Layout = HERE) -> None:
    """The folder of a trained model, with the weights of the best epoch and the class centres of its loss."""
    from safetensors.torch import save_file

    from pipeline.core.files import atomic_file, output_folder
    from pipeline.models.backbone import load_trained_state
    from pipeline.models.save import write_model
    from pipeline.store.models import CENTRES, write_history

    load_trained_state(work.backbone, state.best)
    kept = state.history[state.best_epoch]
    mean = centre(study, model, work.backbone, work.accelerator.device, at)
    columns = [*HISTORY, BY_VAL_LOSS] if BY_VAL_LOSS in kept else HISTORY
    with output_folder(at.model(model)) as folder:
        write_model(folder, work.backbone, study.models[model], study.training(model), study.seed_of(model), mean)
        if state.centres:
            with atomic_file(folder / CENTRES) as part:
                save_file(state.centres, part)
        write_history(folder, state.history, columns, summary(state))
    error = "" if kept["val_eer"] is None else f", val EER {100 * kept['val_eer']:.2f} %"
    error += f", val loss {kept[BY_VAL_LOSS]:.4g}" if BY_VAL_LOSS in kept else ""
    logger.info(f"{model}: epoch {kept['epoch']} of {state.epoch} kept, loss {kept['loss']:.4g}{error}")


def centre(study: Study, model: str, network: Backbone, device: torch.device, at: Layout) -> Tensor | None:
    """The mean unit vector of the training faces, where the model is centred: float32 [dim]; adds its crops first."""
    from pipeline.models.crops import add_crops
    from pipeline.params.effective import tested_elsewhere
    from pipeline.store.splits import TESTED, sitters_of
    from pipeline.training.centring import mean_vector
    from pipeline.training.data import read_faces

    entry, training = study.models[model], study.training(model)
    if not entry.centre:
        return None
    faces, _ = read_faces(training.train_on, study.split, training.fold, at)
    tested = {
        dataset: {
            sitter for other in tested_elsewhere(study, dataset) for sitter in sitters_of(other, TESTED, at).values()
        }
        for dataset in training.train_on
    }
    add_crops(network, entry.crops)
    mean = mean_vector(model, network.to(device), faces, entry.mirror, tested, device, training.workers)
    logger.info(f"{model}: centred on the mean of training faces, whose length is {float(mean.norm()):.2f}")
    return mean


def summary(state: State) -> dict[str, Any]:
    """What `dvc metrics` shows of a training."""
    kept, before = state.history[state.best_epoch], state.history[0]
    return {
        "epoch": kept["epoch"],
        "epochs": state.epoch,
        "steps": state.step,
        "loss": kept["loss"],
        "val_eer": kept["val_eer"],
        "val_eer_before": before["val_eer"],
    } | {name: kept[name] for name in (BY_VAL_LOSS,) if name in kept}
