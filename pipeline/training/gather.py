"""The embeddings of a whole batch on every process, with exact gradients."""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.distributed as dist
from torch import Tensor


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, own: Tensor, owners: Tensor, rank: int) -> Tensor:
        ctx.world = dist.get_world_size()
        ctx.mine = owners == rank
        sizes = owners.bincount(minlength=ctx.world).tolist()
        padded = own.new_zeros(max(sizes), own.shape[1])  # all_gather wants the same size of each
        padded[: len(own)] = own
        parts = [torch.empty_like(padded) for _ in sizes]
        dist.all_gather(parts, padded)
        whole = own.new_empty(len(owners), own.shape[1])
        for process, (part, size) in enumerate(zip(parts, sizes, strict=True)):
            whole[owners == process] = part[:size]
        return whole

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return gradients[0][ctx.mine] * ctx.world, None, None


def gather(own: Tensor, owners: Tensor, rank: int) -> Tensor:
    """Return the embeddings of all processes, in the order that a single process would have.

    Every process then computes the same loss L of the whole batch. In the backward pass, each process takes dL/d(own),
    times the number of processes: only one process sees an image, so the mean of the gradients over processes, which
    DistributedDataParallel computes, is exactly dL/dθ for the network's parameters. Parameters of the loss have dL/dθ
    on every process, and so also in the mean. (A gather that sums the processes' gradients in its backward pass gives
    the same, with one more exchange.)

    Args:
        own: float [b, D], the embeddings of this process's images of the batch; every process must call.
        owners: int64 [B], the process of each image of the whole batch, in order; the same on all processes. b of its
            values are `rank`.
        rank: the number of this process.

    Returns:
        [B, D] of the same dtype and device.
    """
    return cast(Tensor, _Gather.apply(own, owners.to(own.device), rank))  # type: ignore[no-untyped-call]
