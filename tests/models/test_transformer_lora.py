"""LoRA on vision transformers by role, each projection for itself; ViT-B/16 at its full size."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from pipeline.core.errors import SitterError
from pipeline.core.files import sha256
from pipeline.models.backbone import count_parameters, frozen_prefix, load_trained_state, trained_state
from pipeline.models.build import build
from pipeline.models.load import load_model
from tests.models.conftest import adaptation_options, backbone_options
from tests.models.test_backbones import put_weights
from tests.models.test_load import written
from tests.models.test_transformers import SMALL, faces, their_clip

ROLES = [["q", "v"], ["k", "out"], ["mlp"], None]


def a_few_steps(network, steps=2):
    network.train()
    optimiser = torch.optim.Adam([p for p in network.parameters() if p.requires_grad], lr=1e-2)
    for _ in range(steps):
        optimiser.zero_grad()
        (network(faces(network.template.size)) - 1).square().mean().backward()
        optimiser.step()
    return network.eval()


@pytest.mark.parametrize("roles", ROLES, ids=str)
@pytest.mark.parametrize("options", SMALL, ids=lambda o: o["architecture"])
def test_lora_starts_as_the_base_changes_only_its_roles_and_merges(at, options, roles):
    base, _ = build(backbone_options(**options), adaptation_options(kind="none"), 1, at)
    network, way = build(backbone_options(**options), adaptation_options(kind="lora", rank=2, roles=roles), 1, at)
    x = faces(options["size"])
    with torch.inference_mode():
        assert torch.equal(network(x), base(x))
    a_few_steps(network)
    with torch.inference_mode():
        before = network(x)
        assert not torch.allclose(before, base(x), atol=1e-3)
        way.merge(network)
        torch.testing.assert_close(network(x), before, rtol=1e-4, atol=1e-4)
    assert network.state_dict().keys() == base.state_dict().keys()
    changed = {n for n, value in network.state_dict().items() if not torch.equal(value, base.state_dict()[n])}
    roles = list(base.roles) if roles is None else roles
    endings = tuple(f".{ending}.weight" for role in roles for ending in base.roles[role])
    assert changed == {name for name in base.state_dict() if name.endswith(endings)}


def test_lora_on_the_late_blocks_leaves_the_early_ones_to_be_computed_once(at):
    options = backbone_options(**SMALL[0])
    network, _ = build(options, adaptation_options(kind="lora", rank=2, roles=["q", "v"], stages=2), 1, at)
    assert frozen_prefix(network) == 2  # patches and the first of three blocks
    assert count_parameters(network)[0] == 2 * 2 * 2 * (64 + 64)


def test_a_role_that_is_not_there_is_named_with_those_that_are(at):
    with pytest.raises(SitterError, match=r"TimmViT has no layers with the role 'conv'; Allowed: k, mlp, out, q, v"):
        build(backbone_options(**SMALL[1]), adaptation_options(kind="lora", roles=["conv"]), 1, at)
    options = backbone_options(**SMALL[0], projected=False)
    with pytest.raises(SitterError, match=r"adaptation layers: CLIP has no layers with the role 'fc'"):
        build(options, adaptation_options(kind="layers", roles=["fc"]), 1, at)


def test_a_lora_is_saved_without_its_base_but_with_the_bases_checksum(at):
    put_weights(at, "clip", lambda folder: torch.save(their_clip().state_dict(), folder / "clip.pt"))
    way = {"kind": "lora", "rank": 2, "roles": ["q", "v"]}
    network, x = written(at, way, {**SMALL[0], "weights": "clip"}), faces(64)
    with torch.inference_mode():
        torch.testing.assert_close(load_model("m", at=at).module(x), network(x), rtol=1e-4, atol=1e-4)
    description = json.loads((at.root / "models/m/model.json").read_text())
    assert description["weights"]["sha256"] == sha256(at.root / "data/raw/clip/clip.pt")
    numbers = sum(value.numel() for value in load_file(at.root / "models/m/weights.safetensors").values())
    assert numbers == description["parameters"]["trained"] == 3 * 2 * 4 * 64


@pytest.mark.slow
def test_vit_b_16_at_full_size_with_lora_on_q_and_v(at):
    """ArtFace's CLIP: 36,864 × rank parameters; a step, saved, loaded, merged."""
    full = {"kind": "clip", "architecture": "ViT-B-16-quickgelu"}
    lora = {"kind": "lora", "rank": 16, "roles": ["q", "v"]}
    network, way = build(backbone_options(**full), adaptation_options(**lora), 7, at)
    x = faces(224, 1)
    assert network.template.size == 224
    assert count_parameters(network) == (36_864 * 16, 86_192_640 + 36_864 * 16)
    before = trained_state(network)
    a_few_steps(network, 1)
    after = trained_state(network)
    assert all(torch.equal(before[n], after[n]) == ("lora_A" in n) for n in after)  # B was zero: A has no gradient yet
    save_file(after, at.root / "adapter.safetensors")
    assert (at.root / "adapter.safetensors").stat().st_size < 2_400_000
    again, _ = build(backbone_options(**full), adaptation_options(**lora), 7, at)
    load_trained_state(again, load_file(at.root / "adapter.safetensors"))
    way.merge(again)
    with torch.inference_mode():
        vector = network(x)
        assert vector.shape == (1, 512)
        torch.testing.assert_close(again(x), vector, rtol=1e-4, atol=1e-4)
    assert count_parameters(again)[1] == 86_192_640
