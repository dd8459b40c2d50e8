"""The optimiser and its learning rates."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

if TYPE_CHECKING:
    from pipeline.params.train import Training


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
