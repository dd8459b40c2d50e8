"""The start of a training: its device, its processes, its precision."""

from __future__ import annotations

from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState

from pipeline.core.errors import SitterError
from pipeline.models.device import repeatable
from pipeline.training.processes import check_launch, meeting, several


def start(precision: str, tracker: str | None = None, tracked: Path | None = None) -> Accelerator:
    """Return device, processes and precision: what the launcher's variables say, else the GPU, else the CPU.

    Args:
        precision: `training.precision`.
        tracker: that the training is told to, if any.
        tracked: where a tracker writes its files.

    Raises:
        SitterError: the variables or GPUs of several processes are incomplete, they do not meet, or the precision
            needs a GPU.
    """
    check_launch(torch.cuda.device_count())
    if torch.cuda.is_available():
        repeatable("warn")
    AcceleratorState._reset_state()  # one process may train several models, each in its own precision
    with meeting():
        accelerator = Accelerator(
            mixed_precision="no" if precision == "fp32" else precision,
            cpu=several() and not torch.cuda.is_available(),  # unless told, Accelerate runs each process alone on a CPU
            log_with=tracker,
            project_dir=tracked if tracker else None,
        )
    if precision == "fp16" and accelerator.scaler is None:
        raise SitterError(
            f"training.precision is fp16, which needs a GPU; found: {accelerator.device}. Use bf16 or fp32."
        )
    return accelerator
