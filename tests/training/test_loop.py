"""The loop: learning rates, steps, validation, and the stop at figures that are not finite."""

from __future__ import annotations

import math
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline.core.errors import SitterError
from pipeline.core.layout import Layout
from pipeline.losses.triplet import Triplet
from pipeline.metrics.verification import eer, roc, tally
from pipeline.models.backbone import trained_state
from pipeline.params.losses.triplet import TripletOptions
from pipeline.stages import train
from pipeline.store.embeddings import normalise
from pipeline.training import checkpoint
from pipeline.training.loop import Run
from pipeline.training.optimiser import rate
from pipeline.training.stop import StopRequest
from tests.suite.devices import on_both
from tests.training.study import make_faces, prepared, study

pytestmark = pytest.mark.training


def fitted(at: Layout, folder: Path, model: str = "small", seed: int = 3, **training: Any) -> Run:
    """Return a training that has finished."""
    run = prepared(at, model, seed, **training)
    run.fit(folder, "key", StopRequest())
    return run


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


@on_both
@pytest.mark.parametrize("model", ["small", "head", "lora"])
def test_the_same_seed_gives_the_same_weights_and_another_others(at: Layout, project: Path, model: str) -> None:
    one, two, other = (fitted(at, project / str(i), model, s, epochs=2).state for i, s in enumerate((3, 3, 4)))
    assert same(one.best, two.best)
    assert one.history == two.history
    assert not same(one.best, other.best)


def test_the_seed_of_a_training_decides_its_start_and_its_batches_and_not_which_faces_validate(
    at: Layout, project: Path
) -> None:
    """`training.seed` has the same effect on a model as the study's seed has on a model without one."""
    own, alike, other = (
        prepared(at, seed=5, training_seed=3, val_images=7),
        prepared(at, seed=3),
        prepared(at, seed=5, val_images=7),
    )
    assert same(own.backbone.state_dict(), alike.backbone.state_dict())
    assert same(own.loss.state_dict(), alike.loss.state_dict())
    assert not same(own.backbone.state_dict(), other.backbone.state_dict())
    images = [
        [run.sampler.batch(run.seed, 0, n).images.tolist() for n in range(len(run.sampler))]
        for run in (own, alike, other)
    ]
    assert images[0] == images[1] != images[2]
    assert own.seed == 3
    names = [[run.val.dataset.faces.name(i) for i in range(len(run.val.dataset))] for run in (own, other)]
    assert names[0] == names[1]


@on_both
def test_a_training_taken_up_at_any_step_ends_in_the_same_weights(
    at: Layout, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = fitted(at, project / "whole", "lora", accumulate=2, images=2).state
    save, folder = Run.save, project / "parts"

    class Killed(Exception):
        pass

    def save_and_die(self: Run, *where: Any) -> None:
        save(self, *where)
        raise Killed

    monkeypatch.setattr(Run, "save", save_and_die)
    deaths = 0
    while True:
        run = prepared(at, "lora", accumulate=2, images=2)
        try:
            run.fit(folder, "key", StopRequest())
        except Killed:
            deaths += 1
            if run.at_end():
                break
    assert deaths >= 9  # each of the steps, and the end
    assert same(run.state.best, whole.best)
    assert run.state.history == whole.history


@on_both
def test_a_frozen_prefix_stays_as_it_was_and_batch_statistics_too(at: Layout, project: Path) -> None:
    run = prepared(at, "lora")
    before = {k: v.clone() for k, v in run.backbone.state_dict().items()}
    trained = trained_state(run.backbone).keys()
    run.fit(project / "c", "key", StopRequest())
    after = run.backbone.state_dict()
    assert {k for k in before if not torch.equal(before[k], after[k])} <= set(trained)
    assert any(not torch.equal(before[k], after[k]) for k in trained)


def test_gradients_accumulated_over_batches_are_their_mean(at: Layout, project: Path) -> None:
    def gradients(accumulate: int, batches: list[int]) -> list[torch.Tensor]:
        run = prepared(at, "head", accumulate=accumulate, images=2)
        run.backbone.train()
        run.loss.loss = Triplet(8, 6, TripletOptions(hard=1.0))  # it draws pairs, and with hard=1.0 takes all of them
        run.optimiser.step = lambda: None
        run.optimiser.zero_grad = lambda: None
        for position in batches:
            run.state.position = position
            batch = run.sampler.batch(run.seed, 0, position)
            (inputs,) = run.train.batches([batch])
            run.batch(inputs, torch.from_numpy(run.sampler.labels[batch.images]))
        return [p.grad.clone() for p in run.parameters if p.grad is not None]

    alone = [gradients(1, [p]) for p in (0, 1)]
    together = gradients(2, [0, 1])
    for a, b, mean in zip(*alone, together, strict=True):
        assert torch.allclose((a + b) / 2, mean, atol=1e-6)


def test_the_last_step_of_an_epoch_takes_the_batches_that_are_left(at: Layout, project: Path) -> None:
    run = fitted(at, project / "c", "head", accumulate=4, images=2, epochs=2)
    assert len(run.sampler) == 5
    assert run.state.step == 4


def test_rates_rise_over_the_warm_up_then_fall_along_a_cosine(at: Layout, project: Path) -> None:
    run = prepared(at, "head", epochs=10, warmup_epochs=2, lr=0.1)
    steps = len(run.sampler)
    rates = []
    for run.state.step in range(10 * steps):
        rates.append(rate(run.training, steps, run.state.step))
    warm = rates[: 2 * steps]
    assert warm == sorted(warm)
    assert 0 < warm[0] < warm[-1] < 0.1
    assert rates[2 * steps] == pytest.approx(0.1)
    assert rates[6 * steps] == pytest.approx(0.05)
    assert rates[2 * steps :] == sorted(rates[2 * steps :], reverse=True)
    assert rates[-1] < 0.002
    flat = prepared(at, "head", epochs=10, schedule="constant", lr=0.1)
    assert rate(flat.training, steps, 50) == 0.1


@pytest.mark.parametrize(("epochs", "warmup"), [(30, 5), (5, 5), (4, 0), (3, 2.5)])
def test_rates_by_epoch_are_those_of_the_second_study(at: Layout, project: Path, epochs: int, warmup: float) -> None:
    run = prepared(at, "head", epochs=epochs, warmup_epochs=warmup, lr=0.1, schedule_by="epoch", accumulate=2)
    steps = math.ceil(len(run.sampler) / 2)
    for step in range(epochs * steps):
        e = step // steps
        expected = (
            min(1, (e + 1) / warmup) if e < warmup else 0.5 * (1 + math.cos(math.pi * (e - warmup) / (epochs - warmup)))
        )
        assert rate(run.training, len(run.sampler), step) == pytest.approx(0.1 * expected, rel=1e-12)


def test_weight_decay_reaches_every_trained_parameter_and_the_class_centres(at: Layout, project: Path) -> None:
    """A step with zero gradients applies only the decay, to normalisation, biases and centres, too."""
    run = prepared(at, "small", optimiser="sgd", lr=0.1, momentum=0.0, weight_decay=0.5)
    before = [p.detach().clone() for p in run.parameters]
    for p in run.parameters:
        p.grad = torch.zeros_like(p)
    run.optimiser.step()
    assert any(p is run.loss.loss.centres for p in run.parameters)
    assert sum(p.numel() for p in run.backbone.parameters() if p.requires_grad) + run.loss.loss.centres.numel() == sum(
        p.numel() for p in run.parameters
    )
    for p, old in zip(run.parameters, before, strict=True):
        torch.testing.assert_close(p.detach(), old * (1 - 0.1 * 0.5))


@on_both
@pytest.mark.parametrize("optimiser", ["adam", "adamw", "sgd"])
def test_every_optimiser_learns(at: Layout, project: Path, optimiser: str) -> None:
    run = fitted(at, project / "c", "head", optimiser=optimiser, epochs=4, lr=0.05 if optimiser == "sgd" else 0.01)
    losses = [row.loss for row in run.state.history[1:]]
    assert losses[-1] is not None
    assert losses[0] is not None
    assert losses[-1] < losses[0]


@on_both
def test_the_kept_epoch_is_the_first_with_the_lowest_eer_and_its_weights_are_kept(at: Layout, project: Path) -> None:
    run = fitted(at, project / "c", "small", epochs=5, lr=0.003)
    errors = [row.val_eer for row in run.state.history]
    assert len(errors) == 6
    best = min(e for e in errors[1:] if e is not None)
    assert run.state.best_epoch == errors[1:].index(best) + 1
    run.backbone.load_state_dict(run.state.best, strict=False)
    assert run.val_eer() == best


@on_both
def test_the_validation_error_is_that_of_the_network_s_vectors_over_all_pairs(
    at: Layout, project: Path, device: str
) -> None:
    run = prepared(at, "small")
    faces = run.val.dataset.faces
    run.backbone.eval()
    with torch.no_grad():
        inputs = torch.stack([run.val.dataset.prepare(*faces.face(i)) for i in range(len(faces))])
        vectors = normalise(run.backbone(inputs.to(device)).cpu().numpy())
    genuine, impostor = [], []
    for i in range(len(faces)):
        for j in range(i):
            (genuine if faces.labels[i] == faces.labels[j] else impostor).append(vectors[i] @ vectors[j])
    assert run.val_eer() == pytest.approx(eer(roc(tally(genuine, impostor)))[0], abs=0.02)
    assert (len(genuine), len(impostor)) == (20, 25)


def test_training_stops_when_patience_is_at_its_end(at: Layout, project: Path) -> None:
    run = fitted(at, project / "c", "head", epochs=50, patience=3, lr=1e-7)
    assert run.state.epoch == run.state.best_epoch + 3
    assert run.state.epoch < 50


def test_without_val_sitters_the_last_epoch_is_kept_and_patience_is_refused(at: Layout, project: Path) -> None:
    make_faces(at, val=0)
    run = fitted(at, project / "c", "head", epochs=3)
    assert run.state.best_epoch == 3
    assert math.isnan(run.val_eer())
    with pytest.raises(SitterError, match=r"patience is 2, but no epoch can be judged: in tiny, there are no val"):
        prepared(at, "head", patience=2)


def spoil(run: Run, how: Callable[[torch.Tensor], torch.Tensor]) -> None:
    run.loss.loss.register_forward_hook(lambda module, arguments, output: how(output))


@on_both
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_no_number_stops_the_run_and_names_the_batch(
    at: Layout, project: Path, device: str, value: float
) -> None:
    run = prepared(at, "small")
    steps: list[int] = []

    def in_the_fifth_step(loss: torch.Tensor) -> torch.Tensor:
        steps.append(1)
        return loss * value if len(steps) == 5 else loss

    spoil(run, in_the_fifth_step)
    with pytest.raises(SitterError, match=r"diverged at epoch 2, step 5: the loss is (nan|inf)") as error:
        run.fit(project / "c", "key", StopRequest())
    names = [run.train.dataset.faces.name(i) for i in run.sampler.batch(run.seed, 1, 4 - len(run.sampler)).images]
    assert ", ".join(names) in str(error.value)
    found = checkpoint.load(project / "c", "key")
    assert found is not None
    assert found["state"]["step"] == 4
    assert all(torch.isfinite(v).all() for v in found["trained"].values())
    if device == "cpu":  # a GPU makes the step before its figures arrive, but the step is never written
        assert all(torch.isfinite(v).all() for v in trained_state(run.backbone).values())


def test_gradients_that_are_no_numbers_stop_the_run_before_they_reach_the_weights(at: Layout, project: Path) -> None:
    run = prepared(at, "small")
    spoil(run, lambda loss: loss + (loss - loss.detach()).abs().sqrt())  # finite, but its derivative is not
    with pytest.raises(SitterError, match="gradients are not finite"):
        run.fit(project / "c", "key", StopRequest())
    assert all(torch.isfinite(v).all() for v in trained_state(run.backbone).values())


@on_both
def test_gradients_are_clipped_to_the_norm_that_was_asked_for(at: Layout, project: Path) -> None:
    run = prepared(at, "small", clip=0.01)
    run.optimiser.step = run.optimiser.zero_grad = lambda: None
    run.backbone.train()
    batch = run.sampler.batch(run.seed, 0, 0)
    (inputs,) = run.train.batches([batch])
    run.batch(inputs, torch.from_numpy(run.sampler.labels[batch.images]))
    norm = torch.nn.utils.get_total_norm([p.grad for p in run.parameters if p.grad is not None])
    assert norm.item() == pytest.approx(0.01, rel=1e-3)


@on_both
def test_mixed_precision_learns_and_its_loss_is_in_full_precision(at: Layout, project: Path) -> None:
    run = prepared(at, "small", precision="bf16", epochs=2)
    seen: list[torch.dtype] = []
    run.loss.loss.register_forward_pre_hook(lambda module, arguments: seen.append(arguments[0].dtype))
    half: list[torch.dtype] = []
    run.backbone.stages[1].conv1.register_forward_hook(lambda module, arguments, output: half.append(output.dtype))
    run.fit(project / "c", "key", StopRequest())
    assert set(seen) == {torch.float32}
    assert torch.bfloat16 in half
    assert all(v.dtype != torch.bfloat16 for v in run.state.best.values())


def test_fp16_without_a_gpu_is_refused(at: Layout, project: Path) -> None:
    with pytest.raises(SitterError, match="precision is fp16, which needs a GPU; found: cpu"):
        train.run(study(precision="fp16"), "small", at.root)


@pytest.mark.parametrize("device", ["cuda"], indirect=True)
def test_fp16_scales_its_loss_and_the_scale_survives_a_resume(at: Layout, project: Path) -> None:
    whole = fitted(at, project / "whole", "small", precision="fp16", epochs=2)
    first = prepared(at, "small", precision="fp16", epochs=2)
    stop = StopRequest()
    stop.by = signal.SIGTERM
    with pytest.raises(SystemExit):
        first.fit(project / "parts", "key", stop)
    second = fitted(at, project / "parts", "small", precision="fp16", epochs=2)
    assert second.accelerator.scaler.state_dict() == whole.accelerator.scaler.state_dict()
