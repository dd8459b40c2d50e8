"""The losses against independent references, their gradients, and their borders."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.losses.contrastive import Contrastive
from pipeline.losses.infonce import InfoNCE
from pipeline.losses.mining import Groups, one_positive, positive_pairs, triplets
from pipeline.losses.supcon import SupCon
from pipeline.losses.triplet import Triplet
from pipeline.params.losses import LOSSES
from pipeline.params.losses.contrastive import ContrastiveOptions
from pipeline.params.losses.infonce import InfoNCEOptions
from pipeline.params.losses.supcon import SupConOptions
from pipeline.params.losses.triplet import TripletOptions

KINDS = [kind for kind in LOSSES if kind != "none"]
NEEDED = {"sum": {"losses": [{"kind": "arcface"}, {"kind": "infonce"}], "weights": [1, 0.5]}}


def batch(sitters: int = 4, images: int = 3, dim: int = 8, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Embeddings float64 [sitters · images, dim] and their labels."""
    generator = torch.Generator().manual_seed(seed)
    embeddings = torch.randn(sitters * images, dim, dtype=torch.float64, generator=generator)
    return embeddings, torch.arange(sitters).repeat_interleave(images)


def make(kind: str, dim: int = 8, sitters: int = 4, **options: Any) -> torch.nn.Module:
    """A loss as `params.yaml` would have it, in float64."""
    torch.manual_seed(0)
    found = LOSSES[kind].model_validate({"kind": kind} | (options or NEEDED.get(kind, {})))
    loss: torch.nn.Module = found.make(dim, sitters).double()
    return loss


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_triplet_without_hard_negatives_at_k_2_sitters_is_the_library_s_over_those_triplets(distance: str) -> None:
    from pytorch_metric_learning import distances, losses, reducers

    embeddings, labels = batch(sitters=2)
    torch.manual_seed(3)
    mine = Triplet(8, 2, TripletOptions(margin=0.5, distance=distance, hard=0.3))(embeddings, labels)
    torch.manual_seed(3)
    normal = torch.nn.functional.normalize(embeddings)
    reference = losses.TripletMarginLoss(
        margin=0.5,
        distance=distances.CosineSimilarity() if distance == "cosine" else distances.LpDistance(p=2),
        reducer=reducers.MeanReducer(),
    )
    assert mine.item() == pytest.approx(reference(embeddings, labels, triplets(normal, labels, 0.3)).item(), abs=1e-12)


def test_hardest_negatives_are_the_most_similar_images_of_other_sitters() -> None:
    embeddings, labels = batch()
    x = torch.nn.functional.normalize(embeddings).numpy()
    anchors, positives, negatives = (t.tolist() for t in triplets(torch.from_numpy(x), labels, 1.0))
    assert len(anchors) == 4 * 3 * 2
    for a, p, n in zip(anchors, positives, negatives, strict=True):
        assert a != p
        assert labels[a] == labels[p]
        assert n == max((i for i in range(12) if labels[i] != labels[a]), key=lambda i: x[a] @ x[i])


def test_the_share_of_hardest_negatives_is_what_was_asked_and_the_rest_is_uniform() -> None:
    embeddings, labels = batch(sitters=10, images=4)
    x = torch.nn.functional.normalize(embeddings)
    torch.manual_seed(0)
    shares, drawn = [], np.zeros(40)
    for _ in range(200):
        anchors, _, hardest = triplets(x, labels, 1.0)
        _, _, negatives = triplets(x, labels, 0.3)
        shares.append((negatives == hardest).double().mean().item())
        _, _, free = triplets(x, labels, 0.0)
        assert (labels[free] != labels[anchors]).all()
        drawn += np.bincount(free[anchors == 0].numpy(), minlength=40)
    assert np.mean(shares) == pytest.approx(0.3 + 0.7 / 36, abs=0.01)  # a random one is the hardest now and then
    assert drawn[:4].sum() == 0
    expected = drawn.sum() / 36
    assert ((drawn[4:] - expected) ** 2 / expected).sum() < 66.6  # chi square, 35 degrees, 99.9 %


def test_infonce_of_pairs_is_nt_xent() -> None:
    from pytorch_metric_learning import losses

    embeddings, labels = batch(sitters=6, images=2)
    reference = losses.NTXentLoss(temperature=0.1)(embeddings, labels)
    for symmetric in (False, True):
        mine = InfoNCE(8, 6, InfoNCEOptions(temperature=0.1, symmetric=symmetric))(embeddings, labels)
        assert mine.item() == pytest.approx(reference.item(), rel=1e-12)


@pytest.mark.parametrize("symmetric", [False, True])
def test_infonce_counts_no_image_of_the_same_sitter_as_a_negative(symmetric: bool) -> None:
    embeddings, labels = batch()
    torch.manual_seed(5)
    mine = InfoNCE(8, 4, InfoNCEOptions(temperature=0.2, symmetric=symmetric))(embeddings, labels)
    torch.manual_seed(5)
    anchors, positives = (t.tolist() for t in one_positive(labels))
    assert anchors == list(range(12))
    x = embeddings.numpy() / np.linalg.norm(embeddings.numpy(), axis=1, keepdims=True)

    def one(a: int, p: int) -> float:
        near = math.exp(x[a] @ x[p] / 0.2)
        return -math.log(near / (near + sum(math.exp(x[a] @ x[n] / 0.2) for n in range(12) if labels[n] != labels[a])))

    pairs = list(zip(anchors, positives, strict=True))
    both = [one(a, p) for a, p in pairs] + ([one(p, a) for a, p in pairs] if symmetric else [])
    assert mine.item() == pytest.approx(np.mean(both), rel=1e-12)


@pytest.mark.parametrize("margin", [0.5, 1.4])
def test_contrastive_is_the_square_of_the_library_s_terms(margin: float) -> None:
    from pytorch_metric_learning import losses

    embeddings, labels = batch()
    terms = losses.ContrastiveLoss(neg_margin=margin).compute_loss(embeddings, labels, None, None, None)
    expected = 0.0
    for sort in ("pos_loss", "neg_loss"):
        squared = terms[sort]["losses"].square()
        expected += (squared.sum() / max((squared > 0).sum(), 1)).item()
    assert expected > 0
    assert Contrastive(8, 4, ContrastiveOptions(margin=margin))(embeddings, labels).item() == pytest.approx(
        expected, rel=1e-12
    )


def test_contrastive_has_digits_left_for_the_smallest_distances() -> None:
    angle = 1e-5  # in float32, 2 − 2 cos is 0
    x = torch.tensor([[1.0, 0.0], [math.cos(angle), math.sin(angle)]])
    assert Contrastive(2, 1, ContrastiveOptions())(x, torch.tensor([0, 0])).item() == pytest.approx(angle**2, rel=1e-5)


def test_a_sum_is_the_weighted_sum_of_its_losses() -> None:
    embeddings, labels = batch(images=2)
    parts = [{"kind": "arcface", "scale": 16}, {"kind": "infonce", "temperature": 0.1}, {"kind": "contrastive"}]
    both = make("sum", losses=parts, weights=[1, 0.5, 2])
    apart = [make(**part) for part in parts]
    apart[0].load_state_dict(both.losses[0].state_dict())
    values = [loss(embeddings, labels).item() for loss in apart]
    expected = values[0] + 0.5 * values[1] + 2 * values[2]
    assert both(embeddings, labels).item() == pytest.approx(expected, rel=1e-12)
    equal = make("sum", losses=parts)
    equal.load_state_dict(both.state_dict())
    assert equal(embeddings, labels).item() == pytest.approx(sum(values), rel=1e-12)


def test_supcon_is_the_library_s() -> None:
    from pytorch_metric_learning import losses

    embeddings, labels = batch()
    reference = losses.SupConLoss(temperature=0.1)(embeddings, labels)
    assert SupCon(8, 4, SupConOptions(temperature=0.1))(embeddings, labels).item() == pytest.approx(
        reference.item(), rel=1e-12
    )


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_those_of_finite_differences(kind: str) -> None:
    embeddings, labels = batch(sitters=3, images=3, dim=4)
    lengths = embeddings.norm(dim=1, keepdim=True)

    def value(x: torch.Tensor) -> torch.Tensor:
        if kind == "adaface":  # takes the length for a constant
            x = torch.nn.functional.normalize(x) * lengths
        loss = make(kind, dim=4, sitters=3)
        torch.manual_seed(1)
        out: torch.Tensor = loss(x, labels)
        return out

    assert torch.autograd.gradcheck(value, (embeddings.requires_grad_(),))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("sitters", "images"), [(1, 1), (1, 4), (4, 1), (2, 2)])
def test_a_batch_without_pairs_or_negatives_gives_a_finite_loss_and_gradient(
    kind: str, sitters: int, images: int
) -> None:
    embeddings, labels = batch(sitters, images)
    embeddings.requires_grad_()
    value = make(kind)(embeddings, labels)
    value.backward()
    assert value.shape == ()
    assert torch.isfinite(value)
    assert embeddings.grad is not None
    assert torch.isfinite(embeddings.grad).all()


@pytest.mark.parametrize("kind", KINDS)
def test_identical_embeddings_give_a_finite_gradient(kind: str) -> None:
    embeddings = torch.ones(6, 8, dtype=torch.float64, requires_grad=True)
    make(kind)(embeddings, torch.tensor([0, 0, 1, 1, 2, 2])).backward()
    assert embeddings.grad is not None
    assert torch.isfinite(embeddings.grad).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_nan_in_an_embedding_is_not_hidden(kind: str) -> None:
    embeddings, labels = batch()
    embeddings[5, 2] = torch.nan
    assert torch.isnan(make(kind)(embeddings, labels))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "adaface"])
def test_the_length_of_an_embedding_does_not_count(kind: str) -> None:
    embeddings, labels = batch()
    values = []
    for factor in (1.0, 1e-3, 1e3):
        loss = make(kind)
        torch.manual_seed(2)
        values.append(loss(embeddings * factor, labels).item())
    assert values == pytest.approx([values[0]] * 3, rel=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_training_by_the_loss_parts_the_sitters(kind: str) -> None:
    embeddings, labels = batch()
    loss = make(kind)
    embeddings.requires_grad_()
    optimiser = torch.optim.Adam([embeddings, *loss.parameters()], lr=0.05)
    for _ in range(200):
        optimiser.zero_grad()
        loss(embeddings, labels).backward()
        optimiser.step()
    x = torch.nn.functional.normalize(embeddings.detach())
    similarity, same = x @ x.T, labels[:, None] == labels[None, :]
    assert similarity[same].mean() > similarity[~same].mean() + 0.5


def test_pairs_of_a_batch_are_all_ordered_pairs_of_one_sitter() -> None:
    anchors, positives = positive_pairs(torch.tensor([0, 1, 0, 2, 0]))
    assert list(zip(anchors.tolist(), positives.tolist(), strict=True)) == [
        (0, 2), (0, 4), (2, 0), (2, 4), (4, 0), (4, 2),
    ]  # fmt: skip


def test_each_other_sample_of_the_sitter_and_each_stranger_is_drawn_as_often() -> None:
    torch.manual_seed(0)
    labels = torch.tensor([4, 1, 4, 9, 1, 4, 4, 9])
    groups, n = Groups(labels), 4000
    for sample in range(len(labels)):
        draws = torch.full((n,), sample)
        for drawn, allowed in (
            (groups.another(draws), (labels == labels[sample]) & (torch.arange(8) != sample)),
            (groups.stranger(draws), labels != labels[sample]),
        ):
            counts = drawn.bincount(minlength=8).double()
            assert (counts[~allowed] == 0).all()
            expected = n / allowed.sum().item()
            assert (counts[allowed] - expected).abs().max() < 5 * expected**0.5


def test_drawing_needs_no_row_of_the_batch_for_each_sample() -> None:
    """A batch of 32,768, squared, would be a billion draws."""
    labels = torch.arange(200_000) // 2
    anchors, positives = one_positive(labels)
    assert (anchors == torch.arange(200_000)).all()
    assert (positives == anchors ^ 1).all()
