"""The floating-point operations of a training, and the figures that stop it."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import nn

from pipeline.core.errors import SitterError
from pipeline.core.layout import Layout
from pipeline.training.finite import Place, StepFigures
from pipeline.training.throughput import PEAKS, flops, peak, peak_of
from tests.suite.devices import on_both
from tests.training.study import prepared


def test_a_layer_costs_its_products_forward_for_its_weights_and_for_what_is_before_it() -> None:
    conv, linear = nn.Conv2d(3, 8, 3, padding=1), nn.Linear(8 * 16 * 16, 32)
    network = nn.Sequential(conv, nn.Flatten(), linear)
    of_conv, of_linear = 2 * 3 * 9 * 8 * 16 * 16, 2 * 8 * 16 * 16 * 32
    images = torch.randn(2, 3, 16, 16)
    assert flops(network, images) == 2 * of_conv + 3 * of_linear
    conv.requires_grad_(False)  # a frozen first layer: forward only, without a gradient
    assert flops(network, images) == of_conv + 2 * of_linear
    linear.requires_grad_(False)
    conv.requires_grad_(True)  # a frozen layer that a gradient passes through
    assert flops(network, images) == 2 * of_conv + 2 * of_linear
    network.requires_grad_(False)
    assert flops(network, images) == of_conv + of_linear


@on_both
def test_counting_leaves_the_network_as_it_was(at: Layout, project: Path) -> None:
    run = prepared(at, "small")
    run.backbone.train()
    before = {name: value.clone() for name, value in run.backbone.state_dict().items()}
    inputs = next(run.train.batches([run.sampler.batch(run.seed, 0, 0)]))
    assert flops(run.embed, inputs[:2]) == pytest.approx(flops(run.embed, inputs), rel=1e-12)
    assert flops(run.embed, inputs) > 1e6
    assert all(torch.equal(before[name], value) for name, value in run.backbone.state_dict().items())
    assert all(p.grad is None for p in run.parameters)


@on_both
def test_low_rank_updates_cost_less_than_training_the_layers_they_update(at: Layout, project: Path) -> None:
    counted = {}
    for model in ("small", "lora"):
        run = prepared(at, model, cache_gb=0)
        run.backbone.train()
        counted[model] = flops(run.embed, next(run.train.batches([run.sampler.batch(run.seed, 0, 0)])))
    assert 0.3 < counted["lora"] / counted["small"] < 0.9


def test_names_of_gpus_are_told_apart() -> None:
    peaks = {
        "NVIDIA H100 80GB HBM3": 989.4, "NVIDIA H100 PCIe": 756, "NVIDIA H100 NVL": 835.5, "NVIDIA H200": 989.4,
        "NVIDIA A100-PCIE-40GB": 312, "NVIDIA A10": 125, "NVIDIA A10G": 70, "NVIDIA L4": 121, "NVIDIA L40S": 362,
        "NVIDIA GeForce RTX 4090": 165.2, "NVIDIA GeForce RTX 3090": 71, "Tesla V100-PCIE-16GB": 112, "Tesla T4": 65,
        "NVIDIA RTX 6000 Ada Generation": 364.2,
    }  # fmt: skip
    assert {name: peak_of(name, "fp16") for name in peaks} == {n: pytest.approx(1e12 * v) for n, v in peaks.items()}
    for unknown in ("NVIDIA GeForce RTX 4090 Laptop GPU", "NVIDIA H100 80GB HBM3 MIG 1g.10gb", "NVIDIA A2", "Radeon"):
        assert peak_of(unknown, "fp16") is None
    assert all(p.fp32 < p.fp16 for p in PEAKS.values())
    assert peak(torch.device("cpu"), "fp32") is None


def test_figures_that_arrive_a_batch_late_stop_the_run_and_name_their_own_batch(at: Layout, project: Path) -> None:
    """A GPU gets a batch before the figures of the last one have arrived; this is imitated here."""
    run = prepared(at, "small")
    for position, loss in enumerate((1.5, math.nan, 2.0)):
        run.sent.append(StepFigures.of(Place(1, position, 3 + position), torch.tensor(loss), torch.tensor(1.0)))
    run.settle(2)
    assert run.state.loss == 1.5
    run.state.epoch, run.state.position = 1, 2
    with pytest.raises(SitterError, match="diverged at epoch 2, step 5: the loss is nan") as error:
        run.settle(1)
    names = [run.train.dataset.faces.name(i) for i in run.sampler.whole(run.seed, 1, 1).images]
    assert str(error.value).endswith(f"The images of the batch: {', '.join(names)}")


def test_a_checkpoint_is_not_written_before_the_figures_have_arrived(at: Layout, project: Path) -> None:
    run = prepared(at, "small")
    run.sent.append(StepFigures.of(Place(0, 0, 0), torch.tensor(1.0), torch.tensor(math.inf)))
    with pytest.raises(SitterError, match="the gradients are not finite"):
        run.save_together(project, "key")
    assert not (project / "checkpoint.pt").exists()
