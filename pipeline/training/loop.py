"""The training loop of all models: batches, steps, validation, and the resumption of an interrupted run."""

from __future__ import annotations

import logging
import math
import signal
import time
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from pipeline.core.errors import SitterError
from pipeline.losses.batches import Batches
from pipeline.losses.sharded_centres import class_centres, shares
from pipeline.models.adaptation import Adaptation
from pipeline.models.backbone import Backbone, load_trained_state, trained_state
from pipeline.training import checkpoint, status
from pipeline.training.checkpoint import State
from pipeline.training.compiling import compiles
from pipeline.training.features import Parts
from pipeline.training.finite import Place, StepFigures, check
from pipeline.training.gradients import FullPrecision, Gradients
from pipeline.training.log import Log
from pipeline.training.optimiser import SharedOut, make_optimiser, rate
from pipeline.training.processes import Processes
from pipeline.training.stop import StopRequest
from pipeline.training.throughput import flops, peak
from pipeline.training.tracking import Tracked
from pipeline.training.validation import ValidationLoss, val_eer

if TYPE_CHECKING:
    from pipeline.params.train import Training

logger = logging.getLogger(__name__)

SAVE = 1  # the wish for a checkpoint; it is smaller than every signal's number, so a signal wins


class Run:
    """One training with all its parts; `fit` runs it."""

    def __init__(
        self,
        accelerator: Accelerator,
        processes: Processes,
        training: Training,
        backbone: Backbone,
        adaptation: Adaptation,
        loss: nn.Module,
        sampler: Batches,
        parts: Parts,
        seed: int,
        validation_loss: ValidationLoss | None = None,
    ) -> None:
        """Put the parts together.

        Args:
            accelerator: decides on the precision, and averages gradients over the processes.
            processes: the processes that train together.
            training: the settings.
            backbone: the adapted network, on the device.
            adaptation: its penalty is added to the loss.
            loss: computes the loss of embeddings and labels; its class centres may be sharded across processes.
            sampler: makes batches of the train faces.
            parts: the parts of the backbone, from `split_network`, with their inputs for train and val faces, and for
                the faces of the validation loss.
            seed: the seed of the batches, and of everything random within a step.
            validation_loss: the loss on val faces, if it chooses the epoch to keep.
        """
        self.accelerator, self.training, self.seed = accelerator, training, seed
        self.processes, self.validation_loss = processes, validation_loss
        train, self.val, *judges = parts.inputs
        self.judges = judges[0] if judges else None
        self.backbone, self.sampler = backbone, sampler
        # With chunks, the rest of the batch waits on the CPU.
        self.train = train if training.chunk is None else replace(train, device=torch.device("cpu"))
        self.embed = nn.Sequential(*parts.trained)  # the same modules in full precision, for validation
        self.loss = FullPrecision(loss).to(processes.device)
        self.parameters = [p for p in (*backbone.parameters(), *loss.parameters()) if p.requires_grad]
        self.optimiser = accelerator.prepare_optimizer(make_optimiser(training, self.parameters))
        self.shared_out = SharedOut(processes, shares(self.loss), self.loss, self.parameters)
        # All processes compute the same loss. A prepared loss averages its gradients over them, against rounding drift.
        alike = list(loss.parameters()) and not self.shared_out.rows
        network: nn.Module = accelerator.prepare_model(parts.trained)
        steps = training.epochs * math.ceil(len(sampler) / training.accumulate) if train.kept is None else 0
        if compiles(training.compile, processes.device.type, steps, processes.first):
            network = cast(nn.Module, torch.compile(network))
        self.gradients = Gradients(
            accelerator,
            network,
            accelerator.prepare_model(self.loss) if alike else self.loss,
            partial(adaptation.penalty, backbone),
            training.chunk,
        )
        self.tracked: Tracked | None = None
        self.state = State()
        self.sent: list[StepFigures] = []  # figures of batches that the device may not have finished

    def fit(self, folder: Path, key: str, stop: StopRequest, tracked: Tracked | None = None) -> State:
        """Train until the last epoch, or until patience ends; the network then has the weights of the best epoch.

        Args:
            folder: the folder of the checkpoints.
            key: the key of this training (`checkpoint.key`).
            stop: a request to stop, which is checked after each step.
            tracked: records the epochs.

        Returns:
            The state at the end.

        Raises:
            SitterError: loss or gradients are not finite.
        """
        self.tracked = tracked
        self.resume(self.processes.from_first(lambda: checkpoint.load(folder, key)))
        saved = time.monotonic()
        with tracked or nullcontext(), self.log() as log:
            while not self.at_end():
                if not self.state.history:
                    self.end_of_epoch()  # the network before training: epoch 0 of the history
                    log.say(self.figures())
                self.backbone.train()
                batches = self.sampler.batches(self.seed, self.state.epoch, self.state.position)
                for inputs in self.processes.each(
                    log.waited(self.train.batches(batches, (self.seed, self.state.epoch)))
                ):
                    images = self.sampler.whole(self.seed, self.state.epoch, self.state.position).images
                    with self.processes.together(SitterError) as told:
                        if self.batch(inputs, torch.from_numpy(self.sampler.labels[images])):
                            told.wish = stop.by or self.due(saved)
                    log.batch(len(images), self.figures)
                    if told.wish:
                        self.save_together(folder, key)
                        saved = time.monotonic()
                    if told.wish > SAVE:
                        stop.by = signal.Signals(told.wish)
                        what_remains = (
                            f"a checkpoint is written, run it again to go on from {self.state.place(len(self.sampler))}"
                        )
                        stop.leave(what_remains, self.processes.rank, self.processes.world)
                with self.processes.together(SitterError):
                    self.settle()
                log.measure()
                self.state.epoch, self.state.position = self.state.epoch + 1, 0
                said = self.figures()
                self.end_of_epoch()
                log.say(said | self.state.error())
        self.save_together(folder, key)
        load_trained_state(self.backbone, self.state.best)
        return self.state

    def due(self, saved: float) -> int:
        """Return `SAVE` if it is time for a checkpoint, by the first process's clock, else 0."""
        late = time.monotonic() - saved >= self.training.checkpoint_seconds
        return SAVE if late and self.processes.first else 0

    def save_together(self, folder: Path, key: str) -> None:
        """Let the first process write a checkpoint; the others wait until it is complete."""
        with self.processes.together(SitterError):
            self.settle()
        loss, optimiser = self.shared_out.whole(self.loss.state_dict(), self.optimiser.state_dict())
        with self.processes.together():
            if self.processes.first:
                self.save(folder, key, loss, optimiser)

    def at_end(self) -> bool:
        """Whether the training has finished."""
        waited = self.state.epoch - self.state.best_epoch
        patience = self.training.patience
        return self.state.epoch >= self.training.epochs or (patience is not None and waited >= patience)

    def batch(self, inputs: Tensor, labels: Tensor) -> bool:
        """Compute the gradients of a batch and, if it is the last one of a step, make the step; return whether it was.

        Args:
            inputs: [b, …], the inputs of this process's share.
            labels: int64 [B], the sitters of the whole batch.

        Raises:
            SitterError: loss or gradients are not finite, in this batch or, on a GPU, in the one before.
        """
        state, every = self.state, self.training.accumulate
        first = state.position - state.position % every
        last = min(first + every, len(self.sampler)) - 1
        whole_step = state.position == last
        place = (self.seed, state.epoch, state.position)
        value = self.gradients.add(
            inputs,
            labels,
            torch.from_numpy(self.sampler.owners(*place)),
            place=place,
            part=last - first + 1,
            last=whole_step,
        )
        norm = self.shared_out.clip(self.accelerator, self.training.clip) if whole_step else None
        self.sent.append(StepFigures.of(Place(state.epoch, state.position, state.step), value, norm))
        # A GPU gets the next batch before this one's figures arrive. `save_together` checks them all before it saves.
        self.settle(1 if value.is_cuda else 0)
        if whole_step:
            for group in self.optimiser.param_groups:
                group["lr"] = rate(self.training, len(self.sampler), state.step)
            self.optimiser.step()
            self.optimiser.zero_grad()
            state.step += 1
        state.position += 1
        return whole_step

    def settle(self, most: int = 0) -> None:
        """Check and add up the figures of earlier batches, except for the last `most`.

        Raises:
            SitterError: loss or gradients are not finite; the message names the epoch, the step and the images.
        """
        while len(self.sent) > most:
            figures = self.sent.pop(0)
            loss, norm = figures.read()
            check(figures.place, loss, norm, self.accelerator.scaler is not None, partial(self.names, figures.place))
            self.state.loss += loss

    def end_of_epoch(self) -> None:
        """Add the epoch to the history, and keep its weights if it is the best by `training.keep` (or that is NaN)."""
        state, error = self.state, self.processes.from_first(self.val_eer)
        loss = state.loss / len(self.sampler)
        val_loss, figures = None, {"val-eer": error, "train-loss": loss, "last": -float(state.epoch)}
        if self.validation_loss is not None and self.judges is not None:
            figures["val-loss"] = val_loss = self.validation_loss(self.embed, self.judges)
        epoch = state.ended(loss, error, self.optimiser.param_groups[0]["lr"], val_loss)
        state.history.append(epoch)
        if (tracked := self.tracked) is not None:
            self.processes.from_first(lambda: tracked.epoch(epoch, self.backbone))
        state.loss = 0.0
        figure = figures[self.training.keep]
        if state.epoch and (math.isnan(figure) or figure < state.best_figure):
            state.best_figure, state.best_epoch = figure, state.epoch
            state.best = {name: value.cpu() for name, value in trained_state(self.backbone).items()}
            whole, _ = self.shared_out.whole(self.loss.state_dict(), {"state": {}})
            state.centres = {name: whole[name].to("cpu", copy=True) for name in class_centres(self.loss)}

    def val_eer(self) -> float:
        """Return the current network's equal error rate on the val faces."""
        self.backbone.eval()
        return val_eer(self.embed, self.val, self.state.epoch)

    def save(self, folder: Path, key: str, loss: dict[str, Tensor], optimiser: dict[str, Any]) -> None:
        """Write a checkpoint with the complete states of loss and optimiser."""
        scaler = self.accelerator.scaler
        parts = {
            "trained": trained_state(self.backbone),
            "loss": loss,
            "optimiser": optimiser,
            "scaler": scaler.state_dict() if scaler is not None else {},
            "state": self.state.parts(),
        }
        begun = time.monotonic()
        checkpoint.save(folder, key, parts)
        made = status.Progress(key, self.state.step, self.state.place(len(self.sampler)), time.monotonic() - begun)
        status.write(folder, made)

    def resume(self, parts: dict[str, Any] | None) -> None:
        """Restore the states of a checkpoint, if there is one."""
        if parts is None:
            return
        load_trained_state(self.backbone, parts["trained"])
        loss, optimiser = self.shared_out.own(parts["loss"], parts["optimiser"])
        self.loss.load_state_dict(loss)
        self.optimiser.load_state_dict(optimiser)
        if self.accelerator.scaler is not None:
            self.accelerator.scaler.load_state_dict(parts["scaler"])
        self.state = State.of(parts["state"])
        if self.processes.first:
            logger.info(f"going on from a checkpoint: {self.state.place(len(self.sampler))}")

    def figures(self) -> dict[str, str]:
        """Return the figures for the progress line; at an epoch's end, call this before the loss is set to 0."""
        done = (self.state.position or len(self.sampler)) - len(self.sent)
        epoch = f"{self.state.epoch + (self.state.position > 0)} of {self.training.epochs}"
        if not self.state.epoch and not self.state.position:
            return {"epoch": epoch} | self.state.error()
        return {"epoch": epoch, "loss": f"{self.state.loss / max(done, 1):.4g}"} | self.state.error()

    def names(self, place: Place) -> list[str]:
        """Return the names of the images of a batch."""
        images = self.sampler.whole(self.seed, place.epoch, place.position).images
        return [self.train.dataset.faces.name(i) for i in images]

    def log(self) -> Log:
        """Return the progress of the training, counted in faces over all epochs."""
        device, work = self.processes.device, 0.0
        epoch = sum(len(self.sampler.whole(self.seed, 0, p).images) for p in range(len(self.sampler)))
        if device.type == "cuda":  # all processes do it, since they may exchange batch statistics
            self.backbone.train()
            work = flops(self.embed, next(self.train.batches([self.sampler.batch(self.seed, 0, 0)]))[:2].to(device))
        return Log(
            self.training.epochs * epoch,
            epoch * self.state.epoch + epoch * self.state.position // len(self.sampler),
            device,
            first=self.processes.first,
            world=self.processes.world,
            flops=work,
            peak=peak(device, self.training.precision),
        )
