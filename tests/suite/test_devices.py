"""Tests, and the processes that they start, compute on the CPU, and on the GPU only if the test asks for it."""

from __future__ import annotations

import subprocess
import sys

import torch

from pipeline.models.device import device as of_models
from pipeline.training.processes import connect
from tests.suite.devices import on_both

ASK = "import torch; print(torch.cuda.is_available())"


def ask_a_process() -> str:
    return subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True).stdout.strip()


def test_without_a_word_there_is_no_gpu() -> None:
    assert not torch.cuda.is_available()
    assert torch.cuda.device_count() == 0
    assert ask_a_process() == "False"


@on_both
def test_models_and_trainings_are_where_the_test_asks_for(device: str) -> None:
    try:
        assert of_models() == device
        assert connect().device.type == device
        assert ask_a_process() == str(device == "cuda")
    finally:
        torch.use_deterministic_algorithms(False)
