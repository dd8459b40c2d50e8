"""The losses with class centres: their formulas against independent references, their borders, Partial FC."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from pipeline.losses.margin import MarginSoftmax
from pipeline.params.losses.adaface import AdaFaceOptions
from pipeline.params.losses.arcface import ArcFaceOptions
from pipeline.params.losses.combined_margin import CombinedMarginOptions
from pipeline.params.losses.cosface import CosFaceOptions
from pipeline.params.losses.subcentre_arcface import SubcentreArcFaceOptions

DEGREES = math.degrees(0.5)
KINDS = [ArcFaceOptions, CosFaceOptions, CombinedMarginOptions, SubcentreArcFaceOptions, AdaFaceOptions]


def batch(n: int = 12, sitters: int = 4, dim: int = 8, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Embeddings float64 [n, dim], of lengths about 10, and their labels."""
    generator = torch.Generator().manual_seed(seed)
    embeddings = 4 * torch.randn(n, dim, dtype=torch.float64, generator=generator)
    return embeddings, torch.randint(sitters, (n,), generator=generator)


def make(kind: Any, dim: int = 8, sitters: int = 4, **options: Any) -> MarginSoftmax:
    torch.manual_seed(0)
    made: MarginSoftmax = kind(**options).make(dim, sitters).double()
    return made


def own(loss: MarginSoftmax, x: torch.Tensor, centre: torch.Tensor) -> torch.Tensor:
    return loss.own(x, x, centre)


def value_and_gradients(loss: Any, x: torch.Tensor, labels: torch.Tensor, *of: torch.Tensor) -> list[torch.Tensor]:
    value = loss(x, labels)
    return [value.detach(), *torch.autograd.grad(value, of)]


@pytest.mark.parametrize(
    ("mine", "name", "options"),
    [
        (make(ArcFaceOptions), "ArcFaceLoss", {"margin": DEGREES, "scale": 64}),
        (make(CosFaceOptions, margin=0.3, scale=30), "CosFaceLoss", {"margin": 0.3, "scale": 30}),
        (make(CombinedMarginOptions, m2=0.5, m3=0), "ArcFaceLoss", {"margin": DEGREES, "scale": 64}),
        (make(CombinedMarginOptions, m2=0, m3=0.3), "CosFaceLoss", {"margin": 0.3, "scale": 64}),
        (
            make(SubcentreArcFaceOptions),
            "SubCenterArcFaceLoss",
            {"margin": DEGREES, "scale": 64, "sub_centers": 3},
        ),
    ],
    ids=["arcface", "cosface", "combined-as-arcface", "combined-as-cosface", "subcentre-arcface"],
)
def test_values_and_gradients_are_the_library_s(mine: MarginSoftmax, name: str, options: dict[str, Any]) -> None:
    from pytorch_metric_learning import losses

    embeddings, labels = batch()
    embeddings.requires_grad_()
    theirs = getattr(losses, name)(num_classes=4, embedding_size=8, **options).double()
    theirs.W.data = mine.centres.detach().flatten(0, -2).T.clone()
    found = value_and_gradients(mine, embeddings, labels, embeddings, mine.centres)
    expected = value_and_gradients(theirs, embeddings, labels, embeddings, theirs.W)
    expected[2] = expected[2].T.reshape(mine.centres.shape)
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(("m1", "m2", "m3"), [(0.9, 0.4, 0.15), (1.35, 0.0, 0.0), (1.0, 0.3, 0.2)])
def test_the_combined_margin_is_the_paper_s_formula_where_it_stays_below_pi(m1: float, m2: float, m3: float) -> None:
    loss = make(CombinedMarginOptions, m1=m1, m2=m2, m3=m3, scale=16)
    embeddings, labels = batch()
    embeddings = loss.centres.detach()[labels] * 1000 + embeddings  # near enough to their centres
    cosines = F.normalize(embeddings) @ F.normalize(loss.centres.detach()).T
    angles = cosines.gather(1, labels[:, None]).acos()
    assert (m1 * angles + m2 < math.pi).all()
    logits = cosines.scatter(1, labels[:, None], torch.cos(m1 * angles + m2) - m3)
    assert loss(embeddings, labels).item() == pytest.approx(F.cross_entropy(16 * logits, labels).item(), rel=1e-9)


def authors_adaface(
    x: torch.Tensor, labels: torch.Tensor, centres: torch.Tensor, mean: float, deviation: float, eps: float
) -> torch.Tensor:
    """AdaFace as its paper's algorithm writes it, m = 0.4, h = 0.333, s = 64, with arc cosines."""
    cosine = (F.normalize(x) @ F.normalize(centres).T).clamp(-1 + eps, 1 - eps)
    quality = (((x.detach().norm(dim=1) - mean) / (deviation + 1e-3)) * 0.333).clip(-1, 1)
    angle = (cosine.gather(1, labels[:, None]).squeeze(1).acos() - 0.4 * quality).clip(eps, math.pi - eps)
    target = angle.cos() - (0.4 + 0.4 * quality)
    return F.cross_entropy(64 * cosine.scatter(1, labels[:, None], target[:, None]), labels)


def test_adaface_is_its_authors_formula_and_follows_the_lengths() -> None:
    loss, mean, deviation = make(AdaFaceOptions, decay=0.9), 20.0, 100.0
    for seed in range(4):
        embeddings, labels = batch(seed=seed)
        embeddings.requires_grad_()
        lengths = embeddings.detach().norm(dim=1)
        mean, deviation = 0.9 * mean + 0.1 * lengths.mean().item(), 0.9 * deviation + 0.1 * lengths.std().item()
        found = value_and_gradients(loss, embeddings, labels, embeddings, loss.centres)
        value = authors_adaface(embeddings, labels, loss.centres, mean, deviation, eps=1e-12)
        expected = [value.detach(), *torch.autograd.grad(value, (embeddings, loss.centres))]
        for a, b in zip(found, expected, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-9)
    assert {name for name, _ in loss.named_buffers()} == {"mean", "deviation"}
    assert loss.state_dict()["mean"].item() == pytest.approx(mean)
    assert loss.state_dict()["deviation"].item() == pytest.approx(deviation)


def test_adaface_clips_the_angle_as_its_authors_do() -> None:
    loss = make(AdaFaceOptions, decay=0.0, dim=2, sitters=2)
    loss.centres.data = torch.tensor([[1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    for angle, length in itertools.product((0.1, 0.39, 0.41, 2.7, 3.0), (0.01, 90.0)):  # of low and of high quality
        x = length * torch.tensor([[math.cos(angle), math.sin(angle)]], dtype=torch.float64)
        loss.mean.fill_(10.0)
        loss.deviation.fill_(1.0)
        turned = min(max(angle - 0.4 * (1 if length > 10 else -1), 0), math.pi)
        found = loss.own(x, F.normalize(x), loss.centres[:1])
        assert found.item() == pytest.approx(math.cos(turned) - (0.8 if length > 10 else 0.0), abs=1e-12)


@pytest.mark.parametrize("kind", [ArcFaceOptions, SubcentreArcFaceOptions])
@pytest.mark.parametrize("angle", [0.0, 1e-6, 1e-4, 1e-2, 1.0, 2.5, math.pi - 0.51])
def test_arcface_s_margin_is_exact_in_float32_down_to_the_smallest_angles(kind: Any, angle: float) -> None:
    loss = kind(margin=0.5).make(2, 1)
    x = torch.tensor([[math.cos(angle), math.sin(angle)]], requires_grad=True)
    cos = own(loss, x, torch.tensor([[1.0, 0.0]]))
    assert cos.item() == pytest.approx(math.cos(angle + 0.5), abs=2e-7)
    cos.backward()
    assert x.grad is not None
    if angle:  # along the circle, the derivative is −sin(θ + m); an arc cosine in float32 has none below θ = 3e-4
        along = x.grad[0] @ torch.tensor([-math.sin(angle), math.cos(angle)])
        assert along.item() == pytest.approx(-math.sin(angle + 0.5), abs=1e-5)


@pytest.mark.parametrize("angle", [1e-6, 1e-4, 1e-2, 1.0, 2.5, 3.1, math.pi - 1e-4])
def test_the_combined_margin_is_exact_in_float32_at_both_ends(angle: float) -> None:
    loss = CombinedMarginOptions(m1=1.5, m2=0.3, m3=0.2).make(2, 1)
    x = torch.tensor([[math.cos(angle), math.sin(angle)]], requires_grad=True)
    value = own(loss, x, torch.tensor([[1.0, 0.0]]))
    phi = 1.5 * angle + 0.3
    expected = math.cos(phi) - 0.2 if phi < math.pi else -math.cos(phi) - 2.2
    assert value.item() == pytest.approx(expected, abs=1e-6)
    value.backward()
    assert x.grad is not None
    along = x.grad[0] @ torch.tensor([-math.sin(angle), math.cos(angle)])
    slope = -1.5 * math.sin(phi) if phi < math.pi else 1.5 * math.sin(phi)
    assert along.item() == pytest.approx(slope, abs=1e-4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_there_is_a_gradient_at_the_own_centre_and_opposite_to_it_also_for_fp16(kind: Any, sign: float) -> None:
    loss = kind(**({"m1": 1.2} if kind is CombinedMarginOptions else {})).make(4, 3)
    centres = loss.centres.detach().reshape(3, -1, 4)[:, 0]
    half = (sign * F.normalize(centres)).half()
    for embeddings in (sign * centres, half.float()):
        embeddings = embeddings.clone().requires_grad_()
        value = loss(embeddings, torch.arange(3))
        gradients = torch.autograd.grad(value, (embeddings, loss.centres))
        assert torch.isfinite(value)
        assert all(torch.isfinite(gradient).all() for gradient in gradients)


@pytest.mark.parametrize("kind", KINDS)
def test_float32_gradients_of_fp16_embeddings_are_those_of_float64(kind: Any) -> None:
    embeddings, labels = batch(n=16)
    exact = make(kind)
    nearly = make(kind).float()
    embeddings[:4] = F.normalize(exact.centres.detach().reshape(4, -1, 8)[:, 0])  # at their centres, to 3 digits
    labels[:4] = torch.arange(4)
    x = embeddings.half()
    found, expected = (
        value_and_gradients(loss, x_, labels, x_, loss.centres)
        for loss, x_ in ((nearly, x.float().requires_grad_()), (exact, x.double().requires_grad_()))
    )
    for a, b in zip(found, expected, strict=True):
        # At 5e-4 from its centre, the direction of a float32 unit vector from there has three digits.
        torch.testing.assert_close(a.double(), b, rtol=1e-4, atol=3e-4 * b.abs().max().item())


@pytest.mark.parametrize(
    "loss",
    [
        make(ArcFaceOptions, dim=2, sitters=2),
        *(make(CombinedMarginOptions, dim=2, sitters=2, m1=m, m3=0.1) for m in (0.8, 1.0, 3.0)),
    ],
    ids=["arcface", "combined-0.8", "combined-1", "combined-3"],
)
def test_the_loss_rises_with_the_angle_also_where_the_margin_reaches_beyond_pi(loss: MarginSoftmax) -> None:
    centre = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    angles = -torch.linspace(0.0, math.pi, 300, dtype=torch.float64)
    assert (own(loss, torch.stack([angles.cos(), angles.sin()], 1), centre.expand(300, 2)).diff() < 0).all()


def test_of_a_sitter_s_centres_the_nearest_counts() -> None:
    loss = make(SubcentreArcFaceOptions, subcentres=2, scale=10)
    embeddings, labels = batch()
    labels[:] = 0
    single = make(ArcFaceOptions, scale=10)
    nearest = (F.normalize(embeddings[:1]) @ F.normalize(loss.centres.detach(), dim=-1).flatten(0, 1).T).view(4, 2)
    single.centres.data = loss.centres.detach()[torch.arange(4), nearest.argmax(1)]
    assert loss(embeddings[:1], labels[:1]).item() == pytest.approx(single(embeddings[:1], labels[:1]).item(), rel=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_a_sample_of_all_sitters_is_the_whole_loss(kind: Any) -> None:
    embeddings, labels = batch()
    embeddings.requires_grad_()
    whole, sampled = make(kind), make(kind, sample=1 - 1e-9)
    found = value_and_gradients(sampled, embeddings, labels, embeddings, sampled.centres)
    expected = value_and_gradients(whole, embeddings, labels, embeddings, whole.centres)
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-14)


def test_a_sample_keeps_the_batch_s_sitters_and_draws_others_as_it_was_seeded() -> None:
    loss = make(ArcFaceOptions, sitters=50, sample=0.2)
    labels = torch.tensor([7, 3, 7, 49, 0])
    torch.manual_seed(4)
    first, correction = loss.draw(labels)
    assert len(first) == 10
    assert first.tolist() == sorted(set(first.tolist()))
    assert {0, 3, 7, 49} <= set(first.tolist())
    present = torch.isin(first, labels)
    assert (correction[present] == 0).all()
    assert correction[~present].tolist() == pytest.approx([-math.log(6 / 46)] * 6)
    torch.manual_seed(4)
    assert torch.equal(loss.draw(labels)[0], first)
    torch.manual_seed(5)
    assert not torch.equal(loss.draw(labels)[0], first)
    assert loss.draw(torch.arange(30))[0].tolist() == list(range(30))  # more than were asked for


def test_sitters_that_are_not_drawn_have_no_gradient() -> None:
    loss = make(ArcFaceOptions, sitters=50, sample=0.2)
    embeddings, labels = batch(sitters=50)
    torch.manual_seed(4)
    drawn, _ = loss.draw(labels)
    torch.manual_seed(4)
    (gradient,) = torch.autograd.grad(loss(embeddings, labels), (loss.centres,))
    assert set(gradient.abs().sum(1).nonzero().squeeze(1).tolist()) <= set(drawn.tolist())
    assert gradient[drawn].abs().sum() > 0


def test_the_sampled_sum_of_the_softmax_is_the_whole_one_in_the_mean() -> None:
    """Over all subsets that can be drawn, each as likely: exactly; and the draws are uniform."""
    loss = make(ArcFaceOptions, sitters=7, sample=5 / 7, scale=4)
    embeddings, labels = batch(n=3)[0], torch.tensor([0, 1, 0])
    cosines = F.normalize(embeddings) @ F.normalize(loss.centres.detach()).T
    target = loss.own(embeddings, F.normalize(embeddings), F.normalize(loss.centres.detach())[labels])
    logits = 4 * cosines.scatter(1, labels[:, None], target[:, None])
    subsets: dict[tuple[int, ...], float] = {}
    counts = dict.fromkeys(itertools.combinations(range(2, 7), 3), 0)
    for seed in range(300):
        torch.manual_seed(seed)
        others = tuple(i for i in loss.draw(labels)[0].tolist() if i > 1)
        counts[others] += 1
        torch.manual_seed(seed)
        subsets[others] = loss(embeddings, labels).item()
    assert len(subsets) == 10
    assert sum((n - 30) ** 2 / 30 for n in counts.values()) < 27.9  # chi square, 9 degrees, 99.9 %
    per_subset = []
    for others, value in subsets.items():
        weights = torch.zeros(7, dtype=torch.float64)
        weights[:2] = 1
        weights[list(others)] = 5 / 3
        sums = (logits.exp() * weights).sum(1)
        expected = sums.log() - logits.gather(1, labels[:, None]).squeeze(1)
        assert value == pytest.approx(expected.mean().item(), rel=1e-6)
        per_subset.append(sums)
    torch.testing.assert_close(torch.stack(per_subset).mean(0), logits.exp().sum(1), rtol=1e-12, atol=0)
