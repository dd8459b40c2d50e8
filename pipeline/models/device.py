"""What a model works on."""

from __future__ import annotations


def device() -> str:
    """The first GPU if there is one, with arithmetic that is the same at each run."""
    import os

    import torch

    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what deterministic matrix products need
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = False  # its 10 bits of mantissa would show against a CPU
    return "cuda" if torch.cuda.is_available() else "cpu"
