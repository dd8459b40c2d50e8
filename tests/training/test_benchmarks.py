"""The peer in the benchmark on a GPU does the work that it represents, and the benchmark also runs without a GPU."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.suite.environment import environment
from tests.training.launch import ROOT, finish, start

pytestmark = pytest.mark.training


def test_the_loss_of_arcface_torch_is_ours() -> None:
    program = """
import torch, torch.distributed as dist
from benchmarks.arcface_torch import PartialFC
from pipeline.losses.arcface import ArcFace
from pipeline.params.losses.arcface import ArcFaceOptions
dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
torch.manual_seed(1)
theirs, ours = PartialFC(6, 9, fp16=False, scale=8.0), ArcFace(6, 9, ArcFaceOptions(scale=8.0))
ours.centres.data.copy_(theirs.weight.data)
embeddings, labels = torch.randn(12, 6), torch.randint(9, (12,))
embeddings[0] = -theirs.weight[labels[0]].detach() * 100 + 0.01 * torch.randn(6)  # past π
both = []
for loss, centres in ((theirs, theirs.weight), (ours, ours.centres)):
    x = embeddings.clone().requires_grad_()
    value = loss(x, labels)
    both.append((value, *torch.autograd.grad(value, (x, centres))))
for one, other in zip(*both, strict=True):
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
dist.destroy_process_group()
"""
    ((status, _, err),) = finish(start(ROOT, 1, program=program))
    assert status == 0, err


def test_the_benchmark_for_a_gpu_runs_small_without_one() -> None:
    command = [sys.executable, "-m", "benchmarks.train_gpu", "--tiny", "--no-compile"]
    said = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=300)
    assert said.returncode == 0, said.stderr
    rates = re.findall(r"^  (step|loader|embed) .* ([\d,.]+) images/s", said.stdout, re.MULTILINE)
    assert [what for what, _ in rates] == ["step"] * 2 + ["loader"] * 2 + ["step"] * 2 + ["embed"] * 2 + ["step"]
    assert all(float(rate.replace(",", "")) > 0 for _, rate in rates)
    assert "the parts are" in said.stdout
