"""Fusions by a network: what they begin as, what they learn where the truth is known, and that it is the same again."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from pipeline.core.errors import SitterError
from pipeline.fusions.attention import Attention
from pipeline.fusions.concat import Concat
from pipeline.fusions.gated import Gate
from pipeline.fusions.score import Score
from pipeline.params.fusions.attention import AttendedOptions
from pipeline.params.fusions.gated import GatedOptions
from pipeline.params.fusions.score import ScoreOptions
from pipeline.store.embeddings import normalise
from tests.spread import surely

SITTERS, IMAGES = 80, 6
KINDS = [GatedOptions, AttendedOptions]
WORLDS = range(5)


def world(seed, poor=1.3, spoilt=True):
    """Unit vectors of two models: the first is better, but of a third of the images it sees nothing but the style."""
    rng = np.random.default_rng(seed)
    n = SITTERS * IMAGES
    flag = rng.random(n) < (0.3 if spoilt else 0)
    units = []
    for model, dim in enumerate((32, 48)):
        people = np.repeat(rng.normal(size=(SITTERS, dim)), IMAGES, axis=0)
        noise, style = rng.normal(size=(n, dim)), rng.normal(size=dim)
        blind = 1.5 * noise + 8 * style / np.linalg.norm(style)
        x = people + poor * noise if model else np.where(flag[:, None], blind, people + 0.9 * noise)
        units.append(normalise(x.astype(np.float32)))
    number = np.repeat(np.arange(SITTERS), IMAGES)
    subset = np.select([number < 40, number < 54], ["train", "val"], "test")
    units = [normalise(u - u[subset == "train"].mean(0)) for u in units]
    return units, number, subset, flag


def fitted(kind, data, seed=1):
    units, number, subset, _ = data
    known = subset != "test"
    kind.fit([u[known] for u in units], [f"s{n}" for n in number[known]], list(subset[known]), seed)
    return kind


def auc(kind, data):
    """On the test sitters, by scikit-learn."""

    from sklearn.metrics import roc_auc_score

    units, number, subset, _ = data
    test = subset == "test"
    fused = kind.apply([u[test] for u in units])
    i, j = np.triu_indices(test.sum(), 1)
    return roc_auc_score(number[test][i] == number[test][j], (fused @ fused.T)[i, j])


@pytest.fixture(scope="module")
def spoilt():
    return world(0)


@pytest.mark.parametrize("net", [Gate([8, 20], 4, 0.5), Attention([8, 20], 4, 0.5)], ids=["gate", "attention"])
def test_at_its_start_the_cosine_is_that_of_concatenation(net):
    rng = np.random.default_rng(1)
    units = [normalise(rng.normal(size=(9, d)).astype(np.float32)) for d in (8, 20)]
    with torch.inference_mode():
        fused = net.eval()([torch.from_numpy(u) for u in units]).numpy()
    expected = sum(u @ u.T for u in units) / 2
    np.testing.assert_allclose(fused @ fused.T, expected, atol=1e-6)


def test_the_gate_and_the_attention_are_what_they_say():
    """Against the formulas, in float64 NumPy, with weights at random."""

    def softmax(x):
        e = np.exp(x - x.max(-1, keepdims=True))
        return e / e.sum(-1, keepdims=True)

    rng = np.random.default_rng(2)
    units = [normalise(rng.normal(size=(5, d)).astype(np.float32)) for d in (6, 10)]
    tensors, scaled = [torch.from_numpy(u) for u in units], [u * u.shape[1] ** 0.5 for u in units]
    gate, attention = Gate([6, 10], 3, 0.5).eval(), Attention([6, 10], 4, 0.5).eval()
    for net in (gate, attention):
        for parameter in net.parameters():
            torch.nn.init.normal_(parameter, 0, 0.3)
        net.base.copy_(torch.tensor([0.2, 0.8]).log())
    p = {k: v.detach().numpy().astype(float) for k, v in gate.state_dict().items()}
    hidden = np.tanh(np.hstack(scaled) @ p["first.weight"].T + p["first.bias"])
    w = softmax(np.log([0.2, 0.8]) + hidden @ p["last.weight"].T + p["last.bias"])
    expected = np.hstack([np.sqrt(w[:, [m]]) * units[m] for m in (0, 1)])
    np.testing.assert_allclose(gate(tensors).detach().numpy(), expected, atol=1e-5)

    p = {k: v.detach().numpy().astype(float) for k, v in attention.state_dict().items()}

    def tokens(role, m):
        return scaled[m] @ p[f"{role}.{m}.weight"].T + p.get(f"{role}.{m}.bias", 0.0)

    logits = [[(tokens("queries", m) * tokens("keys", j)).sum(1) / 2 for j in (0, 1)] for m in (0, 1)]
    a = softmax(np.log([0.2, 0.8]) + np.moveaxis(np.array(logits), 2, 0))
    parts = []
    for m in (0, 1):
        taken = sum(a[:, m, [j]] * tokens("values", j) for j in (0, 1))
        parts.append(np.sqrt(a.mean(1)[:, [m]]) * normalise(units[m] + taken @ p[f"outputs.{m}.weight"].T))
    np.testing.assert_allclose(attention(tensors).detach().numpy(), np.hstack(parts), atol=1e-5)


@pytest.mark.parametrize(("kind", "epochs"), [(GatedOptions, 6), (AttendedOptions, 40)])
@pytest.mark.slow
def test_sample_by_sample_the_spoilt_model_counts_less_and_unseen_sitters_gain(kind, epochs):
    """In the mean over worlds, each with a start of its own."""
    ratios, gains, shares, val_gains = [], [], [], []
    for seed in WORLDS:
        data = world(seed)
        units, _, subset, flag = data
        learned, test = fitted(kind(epochs=epochs).make(), data, seed), subset == "test"
        with torch.inference_mode():
            weights = learned._restored([32, 48]).weights([torch.from_numpy(u[test]) for u in units]).numpy()[:, 0]
        ratios.append(weights[~flag[test]].mean() / weights[flag[test]].mean())
        reached, found = auc(learned, data), learned.findings()
        gains.append(reached - auc(fitted(Score(), data), data))
        shares.append((1 - reached) / (1 - auc(Concat(), data)))
        val_gains.append(math.log(found["val_cllr_linear"] / found["val_cllr"]))
        assert found["val_cllr_linear"] < found["val_cllr_equal"]
    assert surely(ratios) > 1.5
    # Better than the best fixed weights, and much better than equal ones.
    assert surely(gains) > 0
    assert surely(0.5 - share for share in shares) > 0
    assert surely(val_gains, errors=2.5) > 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.slow
def test_a_noisy_partner_does_not_drag_the_good_model_down(kind):
    losses, kept = [], []
    for seed in WORLDS:
        data = world(seed, poor=6.0, spoilt=False)
        learned = fitted(kind(epochs=4).make(), data, seed)
        alone = auc(Concat(), (data[0][:1], *data[1:]))
        losses.append(alone - auc(Concat(), data))
        kept.append(auc(learned, data) - alone)
    assert surely(losses) > 0.01
    assert surely(kept) > -0.005


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_bits_and_torchs_generator_is_left_alone(kind, spoilt):
    before = torch.random.get_rng_state()
    one, other, third = (fitted(kind(epochs=2).make(), spoilt, seed) for seed in (1, 1, 2))
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(np.array_equal(value, other.state()[name]) for name, value in one.state().items())
    assert one.findings() == other.findings()
    assert any(not np.array_equal(value, third.state()[name]) for name, value in one.state().items())


@pytest.mark.parametrize("kind", KINDS)
def test_where_nothing_is_gained_on_val_sitters_the_linear_fusion_is_kept(kind, spoilt):
    """Sitters that the train sitters say nothing of: their labels are dealt at random."""
    units, number, subset, flag = spoilt
    train = subset == "train"
    shuffled = number.copy()
    shuffled[train] = np.random.default_rng(0).permutation(number[train])
    learned = fitted(kind(epochs=3, lr=0.05).make(), (units, shuffled, subset, flag))
    found = learned.findings()
    assert found["val_cllr"] <= found["val_cllr_linear"] <= found["val_cllr_equal"] + 1e-6


@pytest.mark.parametrize(
    ("kind", "name"), [(GatedOptions, "gated"), (AttendedOptions, "attention"), (ScoreOptions, "score")]
)
@pytest.mark.parametrize("word", ["train", "val"])
def test_sitters_who_give_no_genuine_pairs_are_refused(kind, name, word):
    rng = np.random.default_rng(0)
    units = [normalise(rng.normal(size=(8, 4)).astype(np.float32)) for _ in range(2)]
    other = "val" if word == "train" else "train"
    sitters, subset = list("abcd") + list("eeff"), [word] * 4 + [other] * 4
    with pytest.raises(
        SitterError, match=rf"fusion {name} learns from pairs of {word} images, but the 4 {word} images"
    ):
        kind().make().fit(units, sitters, subset, 0)
