"""The check that loss and gradients are numbers, without a wait for the GPU at each step."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.core.errors import SitterError


@dataclass(frozen=True)
class Place:
    """A batch: its epoch and its position in it, and the steps made before it."""

    epoch: int
    position: int
    step: int


@dataclass(frozen=True, eq=False)
class Figures:
    """The loss of a batch and the norm of its gradients, on their way from the device."""

    place: Place
    values: Tensor
    """float [2], on the CPU, once `ready`."""
    ready: torch.cuda.Event | None

    @classmethod
    def of(cls, place: Place, loss: Tensor, norm: Tensor | None) -> Figures:
        """Send them off; nothing waits for the computation that they come of.

        Args:
            place: of the batch.
            loss: scalar, on any device.
            norm: of the gradients, where this batch's step is made.
        """
        both = torch.stack([loss.detach(), loss.new_zeros(()) if norm is None else norm.to(loss.dtype)])
        if not both.is_cuda:
            return cls(place, both, None)
        values, ready = both.to("cpu", non_blocking=True), torch.cuda.Event()  # type: ignore[no-untyped-call]
        ready.record()
        return cls(place, values, ready)

    def read(self) -> tuple[float, float]:
        """Loss and norm, once the device has come that far."""
        if self.ready is not None:
            self.ready.synchronize()
        loss, norm = self.values.tolist()
        return loss, norm


def check(place: Place, loss: float, norm: float, scaled: bool, names: Callable[[], list[str]]) -> None:
    """Stop a training whose loss, or the norm of its gradients, is no number.

    Args:
        place: of the batch.
        loss, norm: of it.
        scaled: whether fp16's scaler leaves out steps whose gradients overflow, so that they are no error.
        names: of the batch's images.

    Raises:
        SitterError: names the epoch, the step and the images.
    """
    if math.isfinite(loss) and (scaled or math.isfinite(norm)):
        return
    what = "the gradients are not finite" if math.isfinite(loss) else f"the loss is {loss}"
    raise SitterError(
        f"training diverged at epoch {place.epoch + 1}, step {place.step + 1}: {what}. "
        "Lower training.lr, set training.clip or use precision fp32; if that does not help, look at the images. "
        f"What was made before is untouched. The batch: {', '.join(names())}"
    )
