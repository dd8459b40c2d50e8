"""The device of a test: the CPU, also on a machine with a GPU, unless the test is marked `on_both`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

on_both = pytest.mark.parametrize("device", ["cpu", "cuda"], indirect=True)
"""Marks a test that runs twice: on the CPU, and on the GPU if there is one."""
# The GPUs that the caller left visible: workers of pytest-xdist inherit what their parent has already changed below.
VISIBLE = os.environ.setdefault("SITTER_TESTS_GPUS", os.environ.get("CUDA_VISIBLE_DEVICES", "all"))


def has_gpu() -> bool:
    """Whether this process can compute on an NVIDIA GPU; imports torch only on a machine with NVIDIA's driver."""
    if not Path("/proc/driver/nvidia").exists() and not Path("/dev/nvidiactl").exists():
        return False
    import torch

    return torch.cuda.is_available()


def make_visible(patch: pytest.MonkeyPatch) -> None:
    """Let CUDA see the GPUs that the caller left visible: in this process before CUDA starts, and in its children."""
    if VISIBLE == "all":
        patch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        patch.setenv("CUDA_VISIBLE_DEVICES", VISIBLE)


make_visible(pytest.MonkeyPatch())
GPU = has_gpu()
FOUND_BY: dict[str, Callable[[], object]] = {}
if GPU:
    import torch

    torch.cuda.init()  # type: ignore[no-untyped-call]  # CUDA reads its variable once: now, while the GPUs are visible
    torch.cuda.device_count()  # PyTorch keeps the first count, which must be the one with the GPUs
    FOUND_BY = {"is_available": torch.cuda.is_available, "device_count": torch.cuda.device_count}
os.environ["CUDA_VISIBLE_DEVICES"] = ""  # this hides the GPUs from all processes that the tests start


def hide(patch: pytest.MonkeyPatch) -> None:
    """Make torch find no GPU in this process."""
    if GPU:
        patch.setattr("torch.cuda.is_available", lambda: False)
        patch.setattr("torch.cuda.device_count", lambda: 0)


def show(patch: pytest.MonkeyPatch) -> None:
    """Make this process, and the processes that it starts, find the GPU again."""
    for name, function in FOUND_BY.items():
        patch.setattr(f"torch.cuda.{name}", function)
    make_visible(patch)
    patch.setattr("torch.backends.cudnn.allow_tf32", False)  # TF32 has 10 bits of mantissa, too few to compare results


def forget_device() -> None:
    """Reset Accelerate, which otherwise keeps the first device that it has found."""
    if "accelerate.state" in sys.modules:
        from accelerate.state import AcceleratorState

        AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture(scope="session", autouse=True)
def _on_the_cpu() -> Iterator[None]:
    """Hide the GPU from the start, so that fixtures of a session or a module compute on the CPU, too."""
    with pytest.MonkeyPatch.context() as patch:
        hide(patch)
        yield


@pytest.fixture
def device(request: pytest.FixtureRequest) -> Iterator[str]:
    """Return the device on which the pipeline computes in this test, cpu or cuda: see `on_both`."""
    chosen: str = getattr(request, "param", "cpu")
    if chosen == "cuda" and not GPU:
        pytest.skip("needs a GPU")
    with pytest.MonkeyPatch.context() as patch:
        if chosen == "cuda":
            show(patch)
        forget_device()
        yield chosen
        forget_device()
