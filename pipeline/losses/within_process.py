"""Losses that compare the samples of one process with each other only, where several train together."""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn


class WithinProcess(nn.Module):
    """A loss that can look at its own process's samples only: a base class.

    The loss of the batch is then the mean over the processes of each one's loss of its own samples, as each would have
    it that gathers nothing. All processes have the same value of it. Each has the derivative by its own samples' loss,
    divided by the number of processes.
    """

    own: Tensor | None = None
    """bool [B]: this process's samples of the whole batch; None: they are all its own."""

    @staticmethod
    def mean_over_processes(value: Tensor) -> Tensor:
        """Mean of a scalar over the processes, on each of them; every process must call."""
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
        loss: any; those that look at the whole batch are left alone.
        own: bool [B], with one sample at least; None: all are.
    """
    for module in loss.modules():
        if isinstance(module, WithinProcess):
            module.own = own
