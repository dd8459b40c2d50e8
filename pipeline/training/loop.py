"""The one training loop: batches, steps, validation, and going on where a killed run stopped."""

from __future__ import annotations

import math
import signal
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from pipeline.errors import SitterError
from pipeline.losses.samplers import SitterBatches
from pipeline.losses.sharing import shares
from pipeline.models.adaptation import Adaptation
from pipeline.models.backbone import Backbone, load_trained_state, trained_state
from pipeline.training import checkpoint
from pipeline.training.features import Inputs, faces_bar
from pipeline.training.gradients import FullPrecision, Gradients
from pipeline.training.optimiser import make_optimiser, rate
from pipeline.training.processes import Processes
from pipeline.training.shares import SharedOut
from pipeline.training.stop import StopRequest
from pipeline.training.validation import val_eer

if TYPE_CHECKING:
    from pipeline.params.train import Training

SAVE = 1  # a wish that goes before no signal's


@dataclass
class State:
    """How far a training is: what a checkpoint holds beside the states of the parts."""

    epoch: int = 0
    """Epochs done."""
    position: int = 0
    """Batches done of the next one."""
    step: int = 0
    """Steps of the optimiser."""
    loss: float = 0.0
    """Sum over the batches of this epoch."""
    best_eer: float = math.inf
    best_epoch: int = 0
    best: dict[str, Tensor] = field(default_factory=dict)
    """Trained weights after the best epoch."""
    history: list[dict[str, float | int | None]] = field(default_factory=list)


class Run:
    """The parts of one training, and the story of it: `fit`."""

    def __init__(
        self,
        accelerator: Accelerator,
        training: Training,
        backbone: Backbone,
        adaptation: Adaptation,
        loss: nn.Module,
        sampler: SitterBatches,
        trained: nn.Sequential,
        train: Inputs,
        val: Inputs,
        seed: int,
    ) -> None:
        """Put the parts together.

        Args:
            accelerator: decides on device, processes and precision.
            training: the settings.
            backbone: adapted, on the device; `trained` are its stages behind what `train` and `val` have kept.
            adaptation: whose penalty is added to the loss.
            loss: of the embeddings; its class centres may be shared out to the processes.
            sampler: batches of the train faces.
            trained, train, val: from `split_network`.
            seed: of everything random within a step.
        """
        self.accelerator, self.training, self.seed = accelerator, training, seed
        self.processes = Processes.of(accelerator)
        self.backbone, self.sampler, self.val = backbone, sampler, val
        # In chunks, the batch waits on the CPU.
        self.train = train if training.chunk is None else replace(train, device=torch.device("cpu"))
        self.embed = nn.Sequential(*trained)  # the same modules in full precision, for validation
        self.loss = FullPrecision(loss).to(accelerator.device)
        self.parameters = [p for p in (*backbone.parameters(), *loss.parameters()) if p.requires_grad]
        self.optimiser = accelerator.prepare_optimizer(make_optimiser(training, self.parameters))
        self.shared_out = SharedOut(self.processes, shares(self.loss), self.loss, self.parameters)
        # All processes compute the same loss: the mean over them, which a prepared one takes, only keeps them in step.
        alike = list(loss.parameters()) and not self.shared_out.rows
        self.gradients = Gradients(
            accelerator,
            accelerator.prepare_model(trained),
            accelerator.prepare_model(self.loss) if alike else self.loss,
            lambda: adaptation.penalty(backbone),
            training.chunk,
        )
        self.state = State()

    def fit(self, folder: Path, key: str, stop: StopRequest) -> State:
        """Train until the last epoch, or until patience is at its end.

        Args:
            folder: of the checkpoints.
            key: what they belong to.
            stop: looked at after each step.

        Returns:
            The state at the end; `best` holds the weights to keep.

        Raises:
            SitterError: loss or gradients are not finite.
        """
        self.resume(self.processes.from_first(lambda: checkpoint.load(folder, key)))
        saved = time.monotonic()
        with self.bar() as shown:
            while not self.at_end():
                if not self.state.history:
                    self.end_of_epoch()  # the network before training: epoch 0 of the history
                self.backbone.train()
                start = self.state.position
                batches = self.sampler.batches(self.state.epoch, start)
                for inputs in self.processes.each(self.train.batches(batches)):
                    images = self.sampler.whole(self.state.epoch, self.state.position).images
                    with self.processes.together(SitterError) as told:
                        if self.batch(inputs, torch.from_numpy(self.sampler.labels[images])):
                            told.wish = stop.by or self.due(saved)
                    shown.update(len(images))
                    shown.set_postfix(self.figures(), refresh=False)
                    if told.wish:
                        self.save_together(folder, key)
                        saved = time.monotonic()
                    if told.wish > SAVE:
                        stop.by = signal.Signals(told.wish)
                        what_remains = f"a checkpoint is written, run it again to go on from {self.place()}"
                        stop.leave(what_remains, self.processes.rank, self.processes.world)
                self.state.epoch, self.state.position = self.state.epoch + 1, 0
                self.end_of_epoch()
        self.save_together(folder, key)
        return self.state

    def due(self, saved: float) -> int:
        """Whether it is time for a checkpoint: the first process's clock decides."""
        late = time.monotonic() - saved >= self.training.checkpoint_seconds
        return SAVE if late and self.processes.first else 0

    def save_together(self, folder: Path, key: str) -> None:
        """The first process writes a checkpoint, and no other goes on, or leaves, before it is whole."""
        loss, optimiser = self.shared_out.whole(self.loss.state_dict(), self.optimiser.state_dict())
        with self.processes.together():
            if self.processes.first:
                self.save(folder, key, loss, optimiser)

    def at_end(self) -> bool:
        """Whether there is nothing left to train."""
        waited = self.state.epoch - self.state.best_epoch
        patience = self.training.patience
        return self.state.epoch >= self.training.epochs or (patience is not None and waited >= patience)

    def batch(self, inputs: Tensor, labels: Tensor) -> bool:
        """Gradients of one batch, and, where it is the last of a step, the step; whether it was.

        Args:
            inputs: [b, …], of this process's share.
            labels: int64 [B], of the whole batch.

        Raises:
            SitterError: loss or gradients are not finite; names the epoch, the step and the images.
        """
        state, every = self.state, self.training.accumulate
        first = state.position - state.position % every
        last = min(first + every, len(self.sampler)) - 1
        whole_step = state.position == last
        value = self.gradients.add(
            inputs,
            labels,
            torch.from_numpy(self.sampler.owners(state.epoch, state.position)),
            place=(self.seed, state.epoch, state.position),
            part=last - first + 1,
            last=whole_step,
        )
        norm = self.shared_out.clip(self.accelerator, self.training.clip or math.inf) if whole_step else 0.0
        scaled = self.accelerator.scaler is not None  # fp16: gradients that overflow are skipped by the scaler
        if not math.isfinite(value) or not (math.isfinite(norm) or scaled):
            raise SitterError(self.not_finite(value))
        if whole_step:
            for group in self.optimiser.param_groups:
                group["lr"] = rate(self.training, len(self.sampler), state.step)
            self.optimiser.step()
            self.optimiser.zero_grad()
            state.step += 1
        state.position += 1
        state.loss += value
        return whole_step

    def end_of_epoch(self) -> None:
        """Add the epoch to the history, and keep its weights if the val sitters say so (or there are none)."""
        state, error = self.state, self.processes.from_first(self.val_eer)
        state.history.append(
            {
                "epoch": state.epoch,
                "step": state.step,
                "loss": state.loss / len(self.sampler) if state.epoch else None,
                "val_eer": None if math.isnan(error) else error,
                "lr": self.optimiser.param_groups[0]["lr"] if state.epoch else None,
            }
        )
        state.loss = 0.0
        if state.epoch and (math.isnan(error) or error < state.best_eer):
            state.best_eer, state.best_epoch = error, state.epoch
            state.best = {name: value.cpu() for name, value in trained_state(self.backbone).items()}

    def val_eer(self) -> float:
        """Equal error rate on the val faces, of the network as it is now."""
        self.backbone.eval()
        return val_eer(self.embed, self.val, self.state.epoch)

    def save(self, folder: Path, key: str, loss: dict[str, Tensor], optimiser: dict[str, Any]) -> None:
        """Write a checkpoint, with the whole states of loss and optimiser."""
        scaler = self.accelerator.scaler
        parts = {
            "trained": trained_state(self.backbone),
            "loss": loss,
            "optimiser": optimiser,
            "scaler": scaler.state_dict() if scaler is not None else {},
            "state": asdict(self.state),
        }
        checkpoint.save(folder, key, parts)

    def resume(self, parts: dict[str, Any] | None) -> None:
        """Take up a checkpoint, if there is one."""
        if parts is None:
            return
        load_trained_state(self.backbone, parts["trained"])
        loss, optimiser = self.shared_out.own(parts["loss"], parts["optimiser"])
        self.loss.load_state_dict(loss)
        self.optimiser.load_state_dict(optimiser)
        if self.accelerator.scaler is not None:
            self.accelerator.scaler.load_state_dict(parts["scaler"])
        self.state = State(**parts["state"])
        if self.processes.first:
            print(f"going on from a checkpoint: {self.place()}")

    def place(self) -> str:
        """Where the training is, in words."""
        return f"epoch {self.state.epoch + 1}, {self.state.position} of {len(self.sampler)} batches done"

    def figures(self) -> dict[str, str]:
        """What the progress line shows."""
        found = {"epoch": str(self.state.epoch + 1), "loss": f"{self.state.loss / self.state.position:.4g}"}
        error = self.state.history[-1]["val_eer"]
        return found if error is None else found | {"val EER": f"{100 * error:.2f} %"}

    def bar(self) -> Any:
        """Progress in faces, over all epochs."""
        epoch = sum(len(self.sampler.whole(0, p).images) for p in range(len(self.sampler)))
        shown = faces_bar("training", self.training.epochs * epoch, self.processes.first)
        shown.initial = shown.n = epoch * self.state.epoch + epoch * self.state.position // len(self.sampler)
        return shown

    def not_finite(self, loss: float) -> str:
        """What to say of a loss or gradients that are no numbers."""
        faces, state = self.train.dataset.faces, self.state
        place = min(state.position, len(self.sampler) - 1)
        names = ", ".join(faces.name(i) for i in self.sampler.whole(state.epoch, place).images)
        what = "the gradients are not finite" if math.isfinite(loss) else f"the loss is {loss}"
        return (
            f"training diverged at epoch {state.epoch + 1}, step {state.step + 1}: {what}. "
            "Lower training.lr, set training.clip or use precision fp32; if that does not help, look at the images. "
            f"What was made before is untouched. The batch: {names}"
        )
