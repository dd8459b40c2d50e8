"""The gradients of a batch, computed at once or in chunks, on one process or several."""

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

LOSS = 0  # all processes seed the loss as process 0 does, so that all draw the same positives and negatives


class FullPrecision(nn.Module):
    """A loss that is computed in float32 at any precision of the network: its exponentials need the digits."""

    def __init__(self, loss: nn.Module) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of embeddings, float [B, D], and labels, int64 [B]: a float32 scalar."""
        with torch.autocast(embeddings.device.type, enabled=False):
            value: Tensor = self.loss(embeddings.float(), labels)
        return value


class Gradients:
    """Computes the gradients of a loss and a penalty in a network, which Accelerate has prepared for this process.

    Each of several processes runs the network on its share of the images, and computes the loss and the penalty of the
    whole batch. The gradients are then averaged (`gather` explains why this is exact).
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
            loss: computes the loss from embeddings and labels of the whole batch.
            penalty: computes a penalty on the network's parameters, which is added to the loss.
            chunk: the number of images in the network at once; None: all of this process's share.
        """
        self.accelerator, self.network, self.loss, self.penalty = accelerator, network, loss, penalty
        self.chunk = chunk

    def add(
        self, inputs: Tensor, labels: Tensor, owners: Tensor, place: tuple[int, ...], part: int, last: bool
    ) -> Tensor:
        """Add a batch's gradients to the parameters' gradients.

        Args:
            inputs: [b, …], the inputs of this process's share.
            labels: int64 [B], the sitters of the whole batch.
            owners: int64 [B], the process of each image of the whole batch.
            place: the place of the batch, which seeds everything that is drawn at random.
            part: the number of batches in the step; their gradients are averaged.
            last: whether this is the last batch of the step, after which processes average their gradients.

        Returns:
            The loss without the penalty: a scalar on the device, which may still be computing it.
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
        """Compute the gradients with only one chunk's graph in memory.

        First all embeddings are computed, chunk by chunk and without a graph, then the loss's derivative with respect
        to them; then each chunk runs again, with a graph. The second pass repeats the first: buffers are restored, and
        seeding each chunk gives the same draws of dropout. The gradients equal the whole batch's, up to rounding.

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
        """Return the number of chunks: the same on each process, since layers may exchange data in each chunk.

        No chunk is empty.
        """
        assert self.chunk is not None
        sizes = owners.bincount(minlength=self.accelerator.num_processes)
        return min(-(-int(sizes.max()) // self.chunk), int(sizes.min()))


def seed(*of: int) -> None:
    """Seed every random generator by the place of a batch, so that dropout and mining are the same after a resume."""
    number = int(np.random.SeedSequence(of).generate_state(1)[0])
    random.seed(number)
    np.random.seed(number)  # noqa: NPY002  (for third-party layers that draw from it)
    if torch.accelerator.is_available():
        torch.manual_seed(number)
    else:  # the same, but half a millisecond faster: no stack trace is recorded for each absent kind of device
        torch.default_generator.manual_seed(number)
