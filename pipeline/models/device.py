"""What a model works on."""

from __future__ import annotations

from typing import Literal


def device() -> str:
    """The first GPU if there is one, with arithmetic that is the same at each run, and near a CPU's."""
    import torch

    repeatable("error")
    torch.backends.cudnn.allow_tf32 = False  # its 10 bits of mantissa would show against a CPU
    return "cuda" if torch.cuda.is_available() else "cpu"


def repeatable(otherwise: Literal["warn", "error"]) -> None:
    """Have a GPU compute the same at each run; called before anything is on it.

    Args:
        otherwise: what becomes of an operation that has no such form.
    """
    import os

    import torch
    import torch.utils.deterministic

    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what deterministic matrix products need
    # As use_deterministic_algorithms(True), which would import torch's compiler as well: a second or two at each start.
    torch.set_deterministic_debug_mode(otherwise)
    # Left on, PyTorch writes NaN into each new tensor: an eighth of a GPU's time for values that nothing reads.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False  # the fastest convolution is another at each run
