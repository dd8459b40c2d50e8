"""models/<name>/: what is written is what is loaded, and nothing else is taken for it."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from pipeline import params
from pipeline.core.errors import SitterError
from pipeline.models.build import build
from pipeline.models.load import load_model
from pipeline.models.save import write_model
from pipeline.params.backbones.iresnet import IResNetOptions
from tests.models.conftest import SMALL
from tests.models.test_backbones import arcface_torch_names, put_weights, stirred

X = torch.randn(3, 3, 112, 112, generator=torch.Generator().manual_seed(3))
WAYS = [{"kind": "none"}, {"kind": "head"}, {"kind": "lora", "rank": 2}, {"kind": "full"}]


def written(at, way, backbone=None, folder="models/m"):
    """A network whose trained part is shaken, written to models/m."""
    model = params.Model.model_validate(
        {"backbone": backbone or SMALL, "adaptation": way, "loss": {"kind": "none"}, "mirror": True}
    )
    network, _ = build(model.backbone, model.adaptation, 7, at)
    torch.manual_seed(2)
    for parameter in network.parameters():
        if parameter.requires_grad:
            parameter.data += 0.05 * torch.randn_like(parameter)
    write_model(at.root / folder, network, model, 7, "code")
    return network


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_a_written_model_is_loaded_as_it_was(at, way):
    network = written(at, way)
    embedder = load_model("m", at=at)
    with torch.inference_mode():
        torch.testing.assert_close(embedder.module(X), network(X), rtol=1e-3, atol=1e-4)
    assert (embedder.dim, embedder.mirror) == (16, True)
    assert not any(p.requires_grad for p in embedder.module.parameters())
    assert (at.root / "models/m/weights.safetensors").exists() == (way["kind"] != "none")


def test_only_what_was_trained_is_kept(at):
    written(at, {"kind": "lora", "rank": 2, "stages": 1})
    names = load_file(at.root / "models/m/weights.safetensors").keys()
    assert names == {f"stages.tail.fc.lora_{x}.default.weight" for x in "AB"}
    description = json.loads((at.root / "models/m/model.json").read_text())
    assert description["parameters"]["trained"] == 2 * (1568 + 16)
    assert description["backbone"]["kind"] == "iresnet"
    assert description["weights"] is None


def test_the_same_model_is_written_with_the_same_bytes(at):
    written(at, {"kind": "head"})
    written(at, {"kind": "head"}, folder="models/n")
    assert (at.root / "models/m/manifest.csv").read_text() == (at.root / "models/n/manifest.csv").read_text()


def test_other_base_weights_than_were_trained_on_are_refused(at):
    def save(shift):
        state = arcface_torch_names(stirred(build_small()))
        return lambda folder: torch.save({k: v + shift for k, v in state.items()}, folder / "base.pth")

    def build_small():
        from pipeline.models.backbones.iresnet import IResNet

        return IResNet(IResNetOptions(depth=18, width=0.0625, embedding=16), at)

    put_weights(at, "face", save(0))
    written(at, {"kind": "head"}, {**SMALL, "weights": "face"})
    load_model("m", at=at)
    save(1)(at.root / "data/raw/face")
    with pytest.raises(SitterError, match=r"data/raw/face/base.pth has changed since model m was made"):
        load_model("m", at=at)


def test_a_model_that_was_not_trained_yet_is_named(at):
    with pytest.raises(SitterError, match=r"models/m/model.json does not exist: run `python -m pipeline train m`"):
        load_model("m", at=at)


def test_missing_and_foreign_weights_are_refused(at):
    written(at, {"kind": "head"})
    save_file({"other": torch.zeros(2)}, at.root / "models/m/weights.safetensors")
    with pytest.raises(SitterError, match=r"weights.safetensors does not fit.*missing: stages.head.bias.*other"):
        load_model("m", at=at)
    (at.root / "models/m/weights.safetensors").unlink()
    with pytest.raises(SitterError, match=r"weights.safetensors does not exist"):
        load_model("m", at=at)


def test_a_model_of_an_option_that_the_code_no_longer_has_is_refused(at):
    written(at, {"kind": "head"})
    path = at.root / "models/m/model.json"
    description = json.loads(path.read_text())
    description["adaptation"]["tug"] = 1
    path.write_text(json.dumps(description))
    with pytest.raises(SitterError, match=r"model.json: this version of the code does not know its adaptation.*tug"):
        load_model("m", at=at)
