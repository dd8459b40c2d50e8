"""The optimiser: its learning rates, the norm of the gradients, and its state where parameters are sharded."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
import torch.distributed as dist
from torch import Tensor, nn

from pipeline.losses.sharded_centres import Share
from pipeline.training.processes import Processes

if TYPE_CHECKING:
    from accelerate import Accelerator

    from pipeline.params.train import Training

StateDict: TypeAlias = dict[str, Any]


def make_optimiser(training: Training, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    """Return SGD, Adam or AdamW, by the settings; on a GPU one kernel makes the step of all parameters (`fused`)."""
    common: dict[str, Any] = {"lr": training.lr, "weight_decay": training.weight_decay}
    common["fused"] = True if all(p.is_cuda for p in parameters) else None  # None: PyTorch chooses
    if training.optimiser == "sgd":
        return torch.optim.SGD(parameters, momentum=training.momentum, **common)
    kind = torch.optim.Adam if training.optimiser == "adam" else torch.optim.AdamW
    return kind(parameters, **common)


def rate(training: Training, batches: int, step: int) -> float:
    """Return the learning rate of a step: it rises linearly in the warm-up, then is constant or a cosine down to 0.

    By epoch, with e finished epochs of E and w epochs of warm-up, the rate is `lr` times (e + 1) / w while e < w, then
    `lr` times (1 + cos(π (e − w) / (E − w))) / 2.

    Args:
        training: the settings.
        batches: the number of batches in an epoch.
        step: the number of steps before this one.
    """
    steps = math.ceil(batches / training.accumulate)
    by_epoch = training.schedule_by == "epoch"
    done, each = (step // steps, 1) if by_epoch else (step, steps)
    warmup, total = training.warmup_epochs * each, training.epochs * each
    if done < warmup:
        return training.lr * min(1.0, (done + 1) / (warmup if by_epoch else math.floor(warmup) + 1))
    if training.schedule == "constant":
        return training.lr
    return training.lr * (1 + math.cos(math.pi * (done - warmup) / (total - warmup))) / 2


class SharedOut:
    """The sharded parameters of an optimiser: this process holds some of their rows, the others the other rows."""

    def __init__(
        self, processes: Processes, shares: Mapping[str, Share], loss: nn.Module, parameters: list[nn.Parameter]
    ) -> None:
        """Find the sharded parameters.

        Args:
            processes: the processes that hold the shards.
            shares: this process's share of each parameter, by its name in the loss; empty: nothing is sharded.
            loss: the loss with these parameters.
            parameters: the parameters of the optimiser, in its order.
        """
        self.processes, self.shares = processes, shares
        held = {id(loss.get_parameter(name)): share for name, share in shares.items()}
        self.place = {place: held[id(p)] for place, p in enumerate(parameters) if id(p) in held}
        self.rows = [parameters[place] for place in self.place]
        self.common = [p for place, p in enumerate(parameters) if place not in self.place]

    def clip(self, accelerator: Accelerator, largest: float | None) -> Tensor:
        """Scale down gradients with too large a norm; return the norm over all rows on all processes, a scalar.

        If one process's rows have a gradient that is not finite, fp16's scaler leaves out the step on all processes.

        Args:
            accelerator: its scaler, if any, has scaled the gradients.
            largest: the largest norm; None: gradients stay as they are.
        """
        common = [p.grad for p in self.common if p.grad is not None]
        if not self.rows:
            accelerator.unscale_gradients()
            norm = torch.nn.utils.get_total_norm(common)
            if largest is not None:
                torch.nn.utils.clip_grads_with_norm_(self.common, largest, norm)
            return norm
        rows = _squares(self.rows)
        dist.all_reduce(rows)
        if accelerator.scaler is not None:
            for gradient in common:  # the scaler finds the NaN when it unscales
                gradient.add_(torch.where(torch.isfinite(rows), 0.0, torch.nan))
        scale = accelerator.scaler.get_scale() if accelerator.scaler is not None else 1.0
        accelerator.unscale_gradients()
        norm = (_squares(self.common) + rows / scale**2).sqrt()
        if largest is not None:
            torch.nn.utils.clip_grads_with_norm_([*self.common, *self.rows], largest, norm)
        return norm

    def whole(self, loss: StateDict, optimiser: StateDict) -> tuple[StateDict, StateDict]:
        """Return the states of loss and optimiser with all rows, on the first process's CPU; every process calls."""
        made = {name: self._joined(v, self.shares[name]) if name in self.shares else v for name, v in loss.items()}
        return made, self._each(optimiser, self._joined)

    def own(self, loss: StateDict, optimiser: StateDict) -> tuple[StateDict, StateDict]:
        """Return this process's rows of complete states, which any number of processes may have written."""
        made = {name: _rows(v, self.shares[name]) if name in self.shares else v for name, v in loss.items()}
        return made, self._each(optimiser, _rows)

    def _each(self, optimiser: StateDict, make: Callable[[Tensor, Share], Tensor]) -> StateDict:
        """Return an optimiser's state with `make` applied to each tensor that has rows; scalars stay as they are."""
        states = {
            place: {
                name: make(v, self.place[place]) if place in self.place and isinstance(v, Tensor) and v.dim() else v
                for name, v in state.items()
            }
            for place, state in optimiser["state"].items()
        }
        return {**optimiser, "state": states}

    def _joined(self, rows: Tensor, share: Share) -> Tensor:
        parts = []
        for rank in range(share.world):
            part = self.processes.from_rank(rank, rows.detach(), (len(share.of(rank)), *rows.shape[1:]))
            if self.processes.first:
                parts.append(part.cpu())
        return torch.cat(parts) if parts else rows


def _rows(whole: Tensor, share: Share) -> Tensor:
    return whole[share.mine.start : share.mine.stop].clone()


def _squares(parameters: list[nn.Parameter]) -> Tensor:
    """Return the squared norm of the gradients."""
    return torch.nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None]).square()
