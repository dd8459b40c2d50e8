"""The gradients of one batch, whole or in chunks, on one process or several."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.losses.within_process import tell_own
from pipeline.training.gather import gather

if TYPE_CHECKING:
    from accelerate import Accelerator

LOSS = 0  # the process after which the loss's draws are seeded: all draw the same positives and negatives


class FullPrecision(nn.Module):
    """A loss computed in float32 whatever the precision of the network: its exponentials need the digits."""

    def __init__(self, loss: nn.Module) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """float [B, D], int64 [B] → float32 scalar."""
        with torch.autocast(embeddings.device.type, enabled=False):
            value: Tensor = self.loss(embeddings.float(), labels)
        return value


class Gradients:
    """Of a network, a loss and a penalty, all prepared by Accelerate for this process.

    Each of several processes runs the network on its share of the images and computes the loss, and the penalty,
    of the whole batch; the gradients are then averaged (see `gather` for why that is exact).
    """

    def __init__(
        self,
        accelerator: Accelerator,
        network: nn.Module,
        loss: nn.Module,
        penalty: Callable[[], Tensor],
        chunk: int | None,
    ) -> None:
        """Put the parts together.

        Args:
            accelerator: decides on device, processes and precision.
            network: [b, …] → [b, D].
            loss: of the embeddings and labels of the whole batch.
            penalty: of the network's parameters, added to the loss.
            chunk: images in the network at once; None: all of this process's share.
        """
        self.accelerator, self.network, self.loss, self.penalty = accelerator, network, loss, penalty
        self.chunk = chunk

    def add(
        self, inputs: Tensor, labels: Tensor, owners: Tensor, place: tuple[int, ...], part: int, last: bool
    ) -> Tensor:
        """Add a batch's gradients to those that the parameters have.

        Args:
            inputs: [b, …], of this process's share.
            labels: int64 [B], of the whole batch.
            owners: int64 [B], the process of each image of the whole batch.
            place: of the batch, which what is drawn at random is seeded by.
            part: batches of the step, whose gradients are averaged.
            last: whether this is the last of them, after which the processes' gradients are averaged.

        Returns:
            The loss, without the penalty: a scalar on the device, which may not have come that far yet.
        """
        labels = labels.to(self.accelerator.device, non_blocking=True)
        if self.accelerator.num_processes > 1:
            tell_own(self.loss, (owners == self.accelerator.process_index).to(labels.device))
        with contextlib.ExitStack() as stack:
            if not last:
                stack.enter_context(self.accelerator.no_sync(self.loss))
            if self.chunk is None:
                if not last:
                    stack.enter_context(self.accelerator.no_sync(self.network))
                return self._whole(inputs, labels, owners, place, part)
            return self._in_chunks(inputs, labels, owners, place, part, last)

    def _whole(self, inputs: Tensor, labels: Tensor, owners: Tensor, place: tuple[int, ...], part: int) -> Tensor:
        seed(*place, self.accelerator.process_index)
        embeddings = self.network(inputs)
        if self.accelerator.num_processes > 1:
            embeddings = gather(embeddings, owners, self.accelerator.process_index)
            seed(*place, LOSS)
        loss: Tensor = self.loss(embeddings, labels)
        self.accelerator.backward((loss + self.penalty()) / part)
        return loss.detach()

    def _in_chunks(
        self, inputs: Tensor, labels: Tensor, owners: Tensor, place: tuple[int, ...], part: int, last: bool
    ) -> Tensor:
        """Embeddings first, chunk by chunk and without a graph; the loss's derivative by them; then the chunks again.

        The second pass meets what the first met: buffers as they were before it, and the same draws of dropout, by
        seeding each chunk. The gradients are those of the whole batch, to the rounding of their sums.

        Gao, Zhang, Han, Callan: Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup, RepL4NLP 2021
        (arXiv 2101.06983).
        """
        accelerator = self.accelerator
        own = (*place, accelerator.process_index)
        chunks = torch.tensor_split(inputs, self._number(owners))
        buffers = [(buffer, buffer.clone()) for buffer in self.network.buffers()]

        def embed(number: int) -> Tensor:
            seed(*own, number)
            embeddings: Tensor = self.network(chunks[number].to(accelerator.device))
            return embeddings

        with torch.no_grad():
            embeddings = torch.cat([embed(number) for number in range(len(chunks))])
            for buffer, before in buffers:
                buffer.copy_(before)
        embeddings.requires_grad_()
        whole = gather(embeddings, owners, accelerator.process_index) if accelerator.num_processes > 1 else embeddings
        seed(*place, LOSS)
        loss: Tensor = self.loss(whole, labels)
        accelerator.backward(loss / part)
        assert embeddings.grad is not None
        derivatives = torch.split(embeddings.grad, [len(chunk) for chunk in chunks])  # type: ignore[no-untyped-call]
        scale = accelerator.scaler.scale if accelerator.scaler is not None else torch.Tensor.clone
        for number, derivative in enumerate(derivatives):
            at_end = number == len(chunks) - 1
            with contextlib.nullcontext() if at_end and last else accelerator.no_sync(self.network):
                outputs, given = [embed(number)], [derivative]
                penalty = self.penalty() if at_end else None
                if penalty is not None and penalty.requires_grad:
                    outputs.append(scale(penalty / part))
                    given.append(torch.ones_like(outputs[-1]))
                torch.autograd.backward(outputs, given)
        return loss.detach()

    def _number(self, owners: Tensor) -> int:
        """Chunks of a process's share: none empty, and as many on each, since layers may exchange something in each."""
        assert self.chunk is not None
        sizes = owners.bincount(minlength=self.accelerator.num_processes)
        return min(-(-int(sizes.max()) // self.chunk), int(sizes.min()))


def seed(*of: int) -> None:
    """Seed every generator by its place: dropout and mining are the same after a resume."""
    number = int(np.random.SeedSequence(of).generate_state(1)[0])
    random.seed(number)
    np.random.seed(number)  # noqa: NPY002  (for third-party layers that draw from it)
    if torch.accelerator.is_available():
        torch.manual_seed(number)
    else:  # the same, without a record of the stack for each kind of device that is not there: half a millisecond
        torch.default_generator.manual_seed(number)
