"""Batches and negatives of each process alone follow their definitions, on one, two and four real processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.training.launch import LORA, ROOT, finish, new_project, start
from tests.training.test_processes import assert_same, train_all

pytestmark = pytest.mark.training

PROGRAM = """
import os
import torch, torch.distributed as dist
from pipeline.losses.within_process import tell_own
from pipeline.params.losses import LOSSES
from pipeline.training.gather import gather
world = int(os.environ.get("WORLD_SIZE", "1"))
if world > 1:
    dist.init_process_group("gloo")
rank = dist.get_rank() if world > 1 else 0
owners = torch.tensor([1, 0, 0, 2, 2, 3, 1, 0, 2, 3, 3, 1]) % world
labels = torch.tensor([0, 1, 1, 2, 2, 3, 0, 4, 5, 3, 2, 1])
INFO = {"kind": "infonce", "temperature": 0.5}
def made(negatives):
    torch.manual_seed(5)
    parts = [INFO | {"negatives": negatives}, {"kind": "arcface", "scale": 9}]
    return LOSSES["sum"].model_validate({"kind": "sum", "losses": parts, "weights": [2, 0.5]}).make(4, 6).double()
def seeded(loss, *given):
    torch.manual_seed(9)
    return loss(*given)
torch.manual_seed(0)
images = torch.randn(12, 6, dtype=torch.float64)
weight = torch.randn(6, 4, dtype=torch.float64, requires_grad=True)
values = {}
for negatives in ("all", "process"):
    plain, several = made("all"), made(negatives)
    contrast, arcface = plain.losses
    x = images @ weight
    if negatives == "all":
        expected = 2 * seeded(contrast, x, labels)
    else:  # what each would have that gathers nothing
        parts = [seeded(contrast, x[owners == r], labels[owners == r]) for r in range(world)]
        expected = 2 * sum(parts) / world
    expected = expected + 0.5 * arcface(x, labels)
    gradients = torch.autograd.grad(expected, (weight, arcface.centres))
    if world > 1:
        tell_own(several, owners == rank)
        value = seeded(several, gather(images[owners == rank] @ weight, owners, rank), labels)
    else:
        value = seeded(several, images @ weight, labels)
    by_weight, by_centres = torch.autograd.grad(value, (weight, several.losses[1].centres))
    for gradient in (by_weight, by_centres) if world > 1 else ():  # as DistributedDataParallel does
        dist.all_reduce(gradient)
        gradient /= world
    torch.testing.assert_close(value, expected, rtol=1e-12, atol=0)
    torch.testing.assert_close(by_weight, gradients[0], rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(by_centres, gradients[1], rtol=1e-10, atol=1e-12)
    values[negatives] = float(value)
assert (values["all"] == values["process"]) == (world == 1), values
if world > 1:
    dist.barrier()
    dist.destroy_process_group()
"""


@pytest.mark.parametrize("world", [1, 2, 4])
def test_negatives_of_all_and_of_a_process_give_loss_and_gradients_of_their_definitions(world: int) -> None:
    said = finish(start(ROOT, world, program=PROGRAM))
    assert [status for status, _, _ in said] == [0] * world, said


def models(accumulate: int) -> dict[str, Any]:
    """Return models with batches and negatives of each process alone; a step has `accumulate` batches."""
    settings = {**LORA["training"], "batch_per": "process", "accumulate": accumulate, "mirror": False}
    contrast = {"kind": "infonce", "negatives": "process"}
    return {
        "infonce": {**LORA, "loss": contrast, "training": settings | {"sampler": "pairs", "batch": 6}},
        "arcface": {
            **LORA,
            "loss": {"kind": "arcface", "scale": 8},
            "training": settings | {"sampler": "shuffle", "batch": 7, "shard_centres": 6},
        },
    }


@pytest.fixture(scope="module", params=[2, 4])
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return two projects: one process that accumulates several batches, and several processes with a batch each."""
    world = request.param
    alone, several = (tmp_path_factory.mktemp(f"{name}-of-{world}") for name in ("one", "several"))
    train_all(new_project(alone, models(world)), 1, "infonce", "arcface")
    train_all(new_project(several, models(1)), world, "infonce", "arcface")
    return alone, several


@pytest.mark.parametrize("model", ["infonce", "arcface"])
def test_processes_with_a_batch_each_train_what_one_does_with_as_many_in_a_step(
    both: tuple[Path, Path], model: str
) -> None:
    assert_same(*both, model)
