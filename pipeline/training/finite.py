"""The check that loss and gradients are finite, without waiting for the GPU at each step."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.core.errors import SitterError


@dataclass(frozen=True)
class Place:
    """The place of a batch: its epoch, its position in the epoch, and the number of steps before it."""

    epoch: int
    position: int
    step: int


@dataclass(frozen=True, eq=False)
class StepFigures:
    """The loss of a batch and the norm of its gradients, on their way from the device."""

    place: Place
    values: Tensor
    """float [2] on the CPU: loss and norm, which are valid once `ready` has happened."""
    ready: torch.cuda.Event | None
    """The end of the copy; None if there was nothing to copy."""

    @classmethod
    def of(cls, place: Place, loss: Tensor, norm: Tensor | None) -> StepFigures:
        """Start the copy to the CPU, without waiting for the computation of the figures.

        Args:
            place: the place of the batch.
            loss: the loss, a scalar on any device.
            norm: the norm of the gradients; None if this batch does not end a step.
        """
        both = torch.stack([loss.detach(), loss.new_zeros(()) if norm is None else norm.to(loss.dtype)])
        if not both.is_cuda:
            return cls(place, both, None)
        values, ready = both.to("cpu", non_blocking=True), torch.cuda.Event()  # type: ignore[no-untyped-call]
        ready.record()
        return cls(place, values, ready)

    def read(self) -> tuple[float, float]:
        """Wait for the device, and return loss and norm."""
        if self.ready is not None:
            self.ready.synchronize()
        loss, norm = self.values.tolist()
        return loss, norm


def check(place: Place, loss: float, norm: float, scaled: bool, names: Callable[[], list[str]]) -> None:
    """Stop a training if the loss, or the norm of the gradients, is not finite.

    Args:
        place: the place of the batch.
        loss, norm: the loss and the norm of the gradients of this batch.
        scaled: whether fp16's scaler leaves out steps with gradients that overflow, so that these are no error.
        names: returns the names of the batch's images.

    Raises:
        SitterError: a value is not finite; the message names the epoch, the step and the images.
    """
    if math.isfinite(loss) and (scaled or math.isfinite(norm)):
        return
    what = "the gradients are not finite" if math.isfinite(loss) else f"the loss is {loss}"
    raise SitterError(
        f"training diverged at epoch {place.epoch + 1}, step {place.step + 1}: {what}. "
        "Lower training.lr, set training.clip or use precision fp32; if that does not help, look at the images. "
        f"Earlier results are unchanged. The images of the batch: {', '.join(names())}"
    )
