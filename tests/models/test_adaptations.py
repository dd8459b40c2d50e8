"""Adaptations: what is trained, what is left alone, and that they start as the network they adapt."""

from __future__ import annotations

import pytest
import torch

from pipeline.core.errors import SitterError
from pipeline.core.layout import HERE
from pipeline.models.backbone import count_parameters, frozen_prefix, load_trained_state, trained_state
from pipeline.models.build import build
from tests.models.conftest import adaptation_options, backbone_options

FACES = torch.randn(6, 3, 112, 112, generator=torch.Generator().manual_seed(3))
WAYS = [{"kind": "head"}, {"kind": "lora", "rank": 2}, {"kind": "lora", "rank": 2, "stages": 2}, {"kind": "full"}]


def adapted(seed=1, **way):
    return build(backbone_options(), adaptation_options(**way), seed, HERE)


def trained(network, way, steps=3):
    """A few steps towards an arbitrary aim."""
    network.train()
    optimiser = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], lr=0.05)
    for _ in range(steps):
        loss = (network(FACES) - 1).square().mean() + way.penalty(network)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return network.eval()


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_before_training_the_vectors_are_those_of_the_base(way):
    base, _ = adapted(kind="none")
    network, _ = adapted(**way)
    with torch.inference_mode():
        torch.testing.assert_close(network(FACES), base(FACES), rtol=0, atol=0)


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_training_changes_the_vectors_but_nothing_of_what_is_frozen(way):
    network, adaptation = adapted(**way)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    cut = frozen_prefix(network)
    trunk = network.stages[:cut](FACES)
    trained(network, adaptation)
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert changed
    assert changed <= trained_state(network).keys()
    assert torch.equal(network.stages[:cut](FACES), trunk)


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_the_trained_state_alone_restores_the_trained_network(way):
    network, adaptation = adapted(**way)
    trained(network, adaptation)
    fresh, _ = adapted(**way)
    load_trained_state(fresh, trained_state(network))
    with torch.inference_mode():
        assert torch.equal(fresh(FACES), network(FACES))


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_merged_for_inference_the_vectors_stay_and_no_adapter_is_left(way):
    network, adaptation = adapted(**way)
    trained(network, adaptation)
    with torch.inference_mode():
        before = network(FACES)
        adaptation.merge(network)
        torch.testing.assert_close(network(FACES), before, rtol=1e-4, atol=1e-5)
    assert not [name for name, _ in network.named_parameters() if "lora" in name]


def test_lora_equals_its_formula():
    """W + alpha / rank · B A, for a convolution as a 1×1 convolution after one with `rank` channels."""
    network, adaptation = adapted(kind="lora", rank=2, alpha=6.0, roles=["fc"])
    fc = network.stages.tail.fc
    trained(network, adaptation)
    a, b = fc.lora_A["default"].weight, fc.lora_B["default"].weight
    expected = fc.get_base_layer().weight + 6.0 / 2 * b @ a
    adaptation.merge(network)
    torch.testing.assert_close(network.stages.tail.fc.weight, expected)


def test_lora_counts_rank_times_the_sides_of_its_layers_and_only_late_stages():
    network, _ = adapted(kind="lora", rank=3, roles=["conv"], stages=2)
    convolutions = [network.stages.layer4_0, network.stages.layer4_1]
    layers = [layer.get_base_layer() for block in convolutions for layer in (block.conv1, block.conv2)]
    sides = sum(9 * layer.in_channels + layer.out_channels for layer in layers)
    assert count_parameters(network)[0] == 3 * sides
    assert list(dict(network.stages.named_children()))[frozen_prefix(network)] == "layer4_0"


@pytest.mark.parametrize(("initial", "squared"), [("peft", 1), ("kaiming", 6)])
def test_lora_starts_within_the_bounds_of_its_initialisation(initial, squared):
    """A uniform on ±√(k / inputs), filled to its edges, and B zero."""
    network, _ = adapted(kind="lora", rank=8, roles=["fc"], initial=initial)
    fc = network.stages.tail.fc
    a, bound = fc.lora_A["default"].weight, (squared / fc.in_features) ** 0.5
    assert 0.98 * bound < a.abs().max() <= bound
    assert a.std().item() == pytest.approx(bound / 3**0.5, rel=0.05)
    assert not fc.lora_B["default"].weight.any()
    assert fc.scaling["default"] == 1


def test_lora_names_the_roles_there_are():
    with pytest.raises(SitterError, match=r"IResNet has no layers with the role 'q'; Allowed: conv, fc"):
        adapted(kind="lora", roles=["q"])


def test_full_trains_all_but_the_scale_of_the_last_normalisation():
    network, _ = adapted(kind="full")
    frozen = [name for name, p in network.named_parameters() if not p.requires_grad]
    assert frozen == ["stages.tail.features.weight"]
    assert frozen_prefix(network) == 0


def test_the_head_is_centred_on_the_training_faces():
    network, adaptation = adapted(kind="head")
    assert adaptation.wants_features
    features = network.stages[: frozen_prefix(network)](FACES)
    adaptation.initialise(network, features)
    with torch.inference_mode():
        torch.testing.assert_close(network(FACES), features - features.mean(0))


def test_the_pull_keeps_the_head_near_the_identity():
    far, weak = adapted(kind="head", pull=0.0)
    near, strong = adapted(kind="head", pull=1.0)
    trained(far, weak, 20)
    trained(near, strong, 20)
    assert weak.penalty(far) == 0
    assert near.stages.head.delta.norm() < 0.5 * far.stages.head.delta.norm()


def test_lora_follows_from_the_seed():
    first, same, other = (trained_state(adapted(seed, kind="lora")[0]) for seed in (1, 1, 2))
    assert all(torch.equal(first[k], same[k]) for k in first)
    assert any(not torch.equal(first[k], other[k]) for k in first)


def test_a_state_of_another_adaptation_is_refused_by_name():
    network, _ = adapted(kind="lora", rank=2)
    with pytest.raises(KeyError, match=r"missing: .*lora_A.*unknown: stages.head.bias"):
        load_trained_state(network, trained_state(adapted(kind="head")[0]))
    with pytest.raises(ValueError, match=r"lora_A.default.weight is \[4, .*\], not \[2, "):
        load_trained_state(network, trained_state(adapted(kind="lora", rank=4)[0]))
