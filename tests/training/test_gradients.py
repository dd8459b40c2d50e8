"""Gradients in chunks (GradCache) and sharded class centres, compared with the plain computation on one process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline.core.layout import Layout
from pipeline.training.gradients import seed
from pipeline.training.loop import Run
from pipeline.training.stop import StopRequest
from tests.suite.devices import on_both
from tests.training.launch import ROOT, finish, start
from tests.training.study import prepared


def without_steps(at: Layout, model: str, dropout: bool = True, **training: Any) -> Run:
    """Return a training with steps that change neither weights nor gradients."""
    run = prepared(at, model, **({"images": 2} | training))
    run.optimiser.step = run.optimiser.zero_grad = lambda: None
    run.backbone.train()
    for module in run.backbone.modules():
        if isinstance(module, torch.nn.Dropout) and not dropout:
            module.p = 0.0
    return run


def gradients_after(run: Run, batches: int = 1) -> list[torch.Tensor]:
    """Return the gradients after a number of batches."""
    for position in range(batches):
        batch = run.sampler.batch(run.seed, 0, position)
        (inputs,) = run.train.batches([batch])
        run.batch(inputs, torch.from_numpy(run.sampler.labels[batch.images]))
    return [p.grad.clone() for p in run.parameters if p.grad is not None]


def assert_close(found: list[torch.Tensor], expected: list[torch.Tensor]) -> None:
    assert len(found) == len(expected) > 0
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=2e-6 * b.abs().max().item())


@on_both
@pytest.mark.parametrize("model", ["head", "lora"])  # triplet and a penalty; InfoNCE
@pytest.mark.parametrize(("chunk", "accumulate"), [(1, 1), (3, 2), (100, 1)])
def test_gradients_in_chunks_are_those_of_the_whole_batch(
    at: Layout, project: Path, model: str, chunk: int, accumulate: int
) -> None:
    plain = without_steps(at, model, dropout=False, accumulate=accumulate)
    cached = without_steps(at, model, dropout=False, accumulate=accumulate, chunk=chunk)
    assert_close(gradients_after(cached, accumulate), gradients_after(plain, accumulate))
    assert cached.state.loss == pytest.approx(plain.state.loss, rel=1e-5)


@on_both
@pytest.mark.parametrize("model", ["small", "lora"])  # batch statistics; dropout
def test_both_passes_in_chunks_meet_the_same_statistics_and_dropout(
    at: Layout, project: Path, device: str, model: str
) -> None:
    run = without_steps(at, model, chunk=2)
    batch = run.sampler.batch(run.seed, 0, 0)
    assert len(batch.images) == 6
    (inputs,) = run.train.batches([batch])
    by_hand = without_steps(at, model)
    embeddings = []
    for number, chunk in enumerate(inputs.tensor_split(3)):  # one graph holds all chunks
        seed(3, 0, 0, 0, number)
        embeddings.append(by_hand.embed(chunk.to(device)))
    seed(3, 0, 0, 0)
    loss = by_hand.loss(torch.cat(embeddings), torch.from_numpy(run.sampler.labels[batch.images]).to(device))
    loss.backward()
    assert_close(gradients_after(run), [p.grad for p in by_hand.parameters if p.grad is not None])
    for (name, buffer), other in zip(run.backbone.named_buffers(), by_hand.backbone.buffers(), strict=True):
        assert torch.equal(buffer, other), name  # updated once, not in both passes


def test_a_scaler_scales_loss_and_penalty_once(at: Layout, project: Path) -> None:
    """fp16's scaler does so on a GPU. Here a training in full precision gets it, and leaves the gradients scaled."""
    plain, cached = without_steps(at, "head"), without_steps(at, "head", chunk=2)
    for run in (plain, cached):
        for p in run.parameters:
            p.data.add_(0.1)  # away from the identity, where the penalty has no gradient
    cached.accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    assert_close(gradients_after(cached), [1024 * gradient for gradient in gradients_after(plain)])


@on_both
def test_no_more_images_than_a_chunk_are_in_the_network_at_once(at: Layout, project: Path) -> None:
    run = without_steps(at, "lora", chunk=2)
    sizes: list[int] = []
    next(run.embed.children()).register_forward_pre_hook(lambda module, given: sizes.append(len(given[0])))
    gradients_after(run)
    assert sizes == [2, 2, 2] * 2


@pytest.mark.training
@on_both
def test_a_training_in_chunks_ends_where_the_plain_one_does(at: Layout, project: Path) -> None:
    runs = [prepared(at, "head", chunk=chunk, epochs=2) for chunk in (None, 2)]
    states = [run.fit(project / str(i), "key", StopRequest()) for i, run in enumerate(runs)]
    plain, cached = (state.history for state in states)
    assert [row.loss for row in cached[1:]] == pytest.approx([row.loss for row in plain[1:]], rel=1e-4)


@pytest.mark.slow
def test_shared_out_centres_give_the_loss_and_gradients_of_one_process() -> None:
    """One of the three processes has no image of its own sitters in the batch, and may have no sampled centre."""
    program = """
import torch, torch.distributed as dist
from pipeline.losses.sharded_centres import share_out, shares
from pipeline.params.losses import LOSSES
from pipeline.training.gather import gather
dist.init_process_group("gloo")
rank = dist.get_rank()
owners = torch.tensor([1, 0, 0, 2, 2, 2, 1, 0, 2, 2])
labels = torch.tensor([0, 0, 1, 1, 4, 5, 6, 0, 6, 4])
def made(kind, **options):
    torch.manual_seed(5)
    found = LOSSES["sum"].model_validate(
        {"kind": "sum", "losses": [{"kind": kind, "scale": 9} | options, {"kind": "infonce"}], "weights": [2, 0.5]}
    )
    return found.make(4, 7).double()
for kind in ("arcface", "cosface", "combined-margin", "subcentre-arcface", "adaface"):
    for sample in (1.0, 0.75, 0.9):
        whole, shared = (made(kind, sample=sample) for _ in "12")
        share_out(shared, rank, 3)
        (share,) = shares(shared).values()
        mine = slice(share.mine.start, share.mine.stop)
        assert [len(share.of(r)) for r in range(3)] == [2, 2, 3]
        images = torch.randn(10, 6, dtype=torch.float64)
        weight = torch.randn(6, 4, dtype=torch.float64, requires_grad=True)
        torch.manual_seed(9)
        expected = whole(images @ weight, labels)
        gradients = torch.autograd.grad(expected, (weight, whole.losses[0].centres))
        torch.manual_seed(9)
        value = shared(gather(images[owners == rank] @ weight, owners, rank), labels)
        by_weight, by_centres = torch.autograd.grad(value, (weight, shared.losses[0].centres))
        dist.all_reduce(by_weight)
        torch.testing.assert_close(value, expected, rtol=1e-12, atol=0)
        torch.testing.assert_close(by_weight / 3, gradients[0], rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(by_centres, gradients[1][mine], rtol=1e-10, atol=1e-12)
        for name, buffer in shared.named_buffers():
            assert torch.equal(buffer, whole.get_buffer(name))
dist.barrier()
dist.destroy_process_group()
"""
    said = finish(start(ROOT, 3, program=program))
    assert [status for status, _, _ in said] == [0, 0, 0], said
