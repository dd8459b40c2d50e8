"""The device that models run on."""

from __future__ import annotations

from typing import Literal


def device() -> str:
    """Return the first GPU if there is one, else the CPU.

    The GPU's arithmetic is set to be the same in each run, and close to a CPU's.
    """
    import torch

    repeatable("error")
    torch.backends.cudnn.allow_tf32 = False  # with its 10 bits of mantissa, results would differ from a CPU's
    return "cuda" if torch.cuda.is_available() else "cpu"


def repeatable(otherwise: Literal["warn", "error"]) -> None:
    """Make a GPU compute the same in each run; call this before anything is on the GPU.

    Args:
        otherwise: what happens at an operation without a deterministic form.
    """
    import os

    import torch
    import torch.utils.deterministic

    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # needed for deterministic matrix products
    # Like use_deterministic_algorithms(True), which would also import torch's compiler: a second or two at each start.
    torch.set_deterministic_debug_mode(otherwise)
    # If this is left on, PyTorch writes NaN into each new tensor: an eighth of a GPU's time for values never read.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False  # the fastest convolution differs from run to run
