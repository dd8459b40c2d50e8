"""Losses that can compare only the samples of one process with each other when several processes train together."""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn


class WithinProcess(nn.Module):
    """Base class of losses that can be restricted to the samples of one process.

    Each process then computes the loss of its own samples, as if it did not gather embeddings, and the loss of the
    batch is the mean over the processes. All processes get the same value. In the backward pass, each gets the gradient
    of its own samples' loss, divided by the number of processes.
    """

    own: Tensor | None = None
    """bool [B], which samples of the whole batch are this process's own; None: all of them."""

    @staticmethod
    def mean_over_processes(value: Tensor) -> Tensor:
        """Return the mean of a scalar over the processes, on each of them; every process must call this."""
        return cast(Tensor, _Mean.apply(value))  # type: ignore[no-untyped-call]


class _Mean(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        mean = value.clone()
        dist.all_reduce(mean)
        return mean / dist.get_world_size()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0] / dist.get_world_size()


def tell_own(loss: nn.Module, own: Tensor | None) -> None:
    """Tell a loss, and all losses within it, which samples of the coming batch are this process's.

    Args:
        loss: any loss; a loss that always uses the whole batch is left alone.
        own: bool [B], at least one of them true; None: all samples are this process's own.
    """
    for module in loss.modules():
        if isinstance(module, WithinProcess):
            module.own = own
