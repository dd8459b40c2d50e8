"""Class centres sharded across the processes that train together: each holds some sitters' centres, all have one loss.

The partial results that each process computes from its own centres are summed over the processes. Every process goes on
with the sum and computes the same loss, so that in the backward pass the gradient of its own addend equals the gradient
of the sum. The embeddings are the same on all processes, but each process has only the part of their gradient that
comes through its own centres; these parts are summed. So every process ends with dL/d(embeddings) and with dL/d(its own
centres), exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn


@dataclass(frozen=True)
class Share:
    """The consecutive sitters whose centres a process holds; processes differ by at most one in their number."""

    sitters: int
    """Number of sitters of all processes together."""
    rank: int = 0
    world: int = 1

    @property
    def alone(self) -> bool:
        """Whether this process holds all centres."""
        return self.world == 1

    @property
    def mine(self) -> range:
        """The sitters of this process."""
        return self.of(self.rank)

    def of(self, rank: int) -> range:
        """The sitters of a process."""
        return range(self.sitters * rank // self.world, self.sitters * (rank + 1) // self.world)

    def read(self, x: Tensor) -> Tensor:
        """Return a tensor that is the same on all processes, for use with this process's centres.

        Its gradients are summed over the processes.
        """
        return x if self.alone else cast(Tensor, _Read.apply(x))  # type: ignore[no-untyped-call]

    def sum(self, addend: Tensor) -> Tensor:
        """Return the sum over the processes, on each of them."""
        return addend if self.alone else cast(Tensor, _Sum.apply(addend))  # type: ignore[no-untyped-call]

    def maximum(self, value: Tensor) -> Tensor:
        """Return the maximum over the processes, on each of them; it has no gradient."""
        value = value.detach().clone()
        if not self.alone:
            dist.all_reduce(value, dist.ReduceOp.MAX)
        return value

    def cross_entropy(self, logits: Tensor, own: Tensor) -> Tensor:
        """Return the mean of log Σ_j e^{z_ij} − z_i over the samples i; the sum is over the centres j of all processes.

        Args:
            logits: z_ij of this process's centres, float [B, c]; c may be 0.
            own: z_i of each sample's own centre on the process that holds it, 0 on the others, float [B].
        """
        lowest = logits.new_full((len(logits), 1), torch.finfo(logits.dtype).min)
        highest = self.maximum(torch.cat([lowest, logits.detach()], dim=1).amax(dim=1))
        sums = self.sum(torch.stack([(logits - highest[:, None]).exp().sum(dim=1), own]))
        return (highest + sums[0].log() - sums[1]).mean()


class _Read(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone()
        dist.all_reduce(total)
        return total


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, addend: Tensor) -> Tensor:
        total = addend.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0]


class Centres(nn.Module):
    """Class centres of the training sitters: a base class for losses that have them.

    They are initialised, and seeded, as if there were one process; `hold` then keeps this process's share.
    """

    def __init__(self, dim: int, sitters: int, each: int | None = None) -> None:
        """Initialise the centres at random.

        Args:
            dim: length of the embeddings.
            sitters: number of training sitters.
            each: number of centres of a sitter; None: one.
        """
        super().__init__()
        shape = (sitters, dim) if each is None else (sitters, each, dim)
        self.share = Share(sitters)
        self.centres = nn.Parameter(torch.randn(shape) * 0.01)
        """[sitters of this process, dim], or [sitters of this process, each, dim]."""

    def hold(self, rank: int, world: int) -> None:
        """Keep only one process's share of the centres."""
        self.share = Share(self.share.sitters, rank, world)
        mine = self.share.mine
        self.centres = nn.Parameter(self.centres.detach()[mine.start : mine.stop].clone())


def share_out(loss: nn.Module, rank: int, world: int) -> None:
    """Keep a process's share of the centres in a loss, and in all losses within it."""
    for module in loss.modules():
        if isinstance(module, Centres):
            module.hold(rank, world)


def class_centres(loss: nn.Module) -> dict[str, Share]:
    """Return this process's share of each set of class centres, by the parameter's name in the loss."""
    found = ((name, module) for name, module in loss.named_modules() if isinstance(module, Centres))
    return {f"{name}.centres".lstrip("."): module.share for name, module in found}


def shares(loss: nn.Module) -> dict[str, Share]:
    """Return this process's share of each sharded parameter, by its name in the loss."""
    return {name: share for name, share in class_centres(loss).items() if not share.alone}
