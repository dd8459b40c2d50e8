"""The catalogue: every entry is loaded with random weights of its architecture, small; wrong options are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from torch import nn

from pipeline import params
from pipeline.commands import show
from pipeline.core.alignment import ARCFACE
from pipeline.core.errors import SitterError
from pipeline.core.layout import HERE, Layout
from pipeline.models.backbones.iresnet import IResNet
from pipeline.models.preprocess import Preprocess
from pipeline.params.backbones import BACKBONES
from pipeline.params.backbones.iresnet import IResNetOptions
from pipeline.params.sources.catalogue import CATALOGUE, CatalogueOptions
from pipeline.params.sources.file import FileOptions
from pipeline.params.sources.hub import HubOptions
from pipeline.plan.requirements import missing
from pipeline.sources import catalogue
from tests.demo import demo
from tests.models import test_backbones, test_transformers
from tests.models.test_adapter_files import adapted, adapter_file
from tests.models.test_backbones import put_weights
from tests.models.test_onnx import exported
from tests.models.test_transformers import faces, same

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*torch.jit:DeprecationWarning", "ignore::torch.jit.TracerWarning", "ignore::UserWarning",
    "ignore::FutureWarning",
)  # fmt: skip
PATCH = {"B-32": 32, "B-16": 16, "L-14": 14}
Made = tuple[Callable[[torch.Tensor], torch.Tensor], Path, dict[str, Any], int]
"""The authors' network, its file, the options that make ours as small, and the side of the input."""


class Pooled(nn.Module):
    """A transformer as the graphs of SigLIP 2 and DINOv3 have it: tokens, and one vector of them."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        tokens = self.network.forward_features(x)
        return tokens, self.network.forward_head(tokens, pre_logits=True)


def of_timm(name: str, **how: Any) -> Any:
    import pipeline.core.torchvision_ops  # noqa: F401, I001  (timm imports torchvision)
    import timm

    return test_transformers.stirred(timm.create_model(name, **how))


def graph(network: nn.Module, side: int, folder: Path, **names: Any) -> Path:
    exported(network, faces(side, 1), folder / "network.onnx", **names)
    return folder / "network.onnx"


def iresnet(name: str, folder: Path) -> Made:
    torch.manual_seed(1)
    small = {"width": 0.0625, "embedding": 16}
    theirs = test_backbones.stirred(IResNet(IResNetOptions(**OPTIONS[name] | small)))
    return theirs, graph(theirs.stages, 112, folder), small, 112


def vector_alone(timm_name: str, **how: Any) -> Callable[[str, Path], Made]:
    def make(name: str, folder: Path) -> Made:
        theirs = of_timm(timm_name, num_classes=16, **how)
        return theirs, graph(theirs, 112, folder), {}, 112

    return make


def pooled(timm_name: str) -> Callable[[str, Path], Made]:
    def make(name: str, folder: Path) -> Made:
        theirs = Pooled(of_timm(timm_name, num_classes=0, depth=1, embed_dim=64, num_heads=1))
        names = {"input_names": ["pixel_values"], "output_names": ["last_hidden_state", "pooler_output"]}
        return lambda x: theirs(x)[1], graph(theirs, 224, folder, **names), {}, 224

    return make


def adaface(name: str, folder: Path) -> Made:
    theirs = test_backbones.stirred(IResNet(IResNetOptions(depth=18, width=0.0625, embedding=16)))
    return theirs, graph(theirs.stages, 112, folder), {}, 112


def clip(name: str, folder: Path) -> Made:
    """OpenAI's archive, of half precision."""
    import pipeline.core.torchvision_ops  # noqa: F401, I001  (open_clip imports torchvision)
    import open_clip

    patch = PATCH[OPTIONS[name]["architecture"][4:8]]
    vision = {"image_size": 4 * patch, "patch_size": patch, "layers": 2, "width": 64, "head_width": 64}
    text = {"context_length": 8, "vocab_size": 32, "width": 32, "heads": 1, "layers": 1}
    length = 768 if patch == 14 else 512
    theirs = test_transformers.stirred(open_clip.CLIP(length, vision, text, quick_gelu=True)).half().float()
    traced = torch.jit.trace(theirs, (faces(4 * patch), torch.zeros(2, 8, dtype=torch.long)), check_trace=False)
    torch.jit.save(traced.half(), str(folder / "ViT.pt"))
    theirs.float()  # the trace has the same parameters
    return theirs.encode_image, folder / "ViT.pt", {"size": 4 * patch, "depth": 2, "width": 64}, 4 * patch


def dinov2(name: str, folder: Path) -> Made:
    theirs = test_transformers.their_vit(OPTIONS[name]["architecture"])
    torch.save(test_transformers.authors_dinov2(theirs), folder / "dinov2.pth")
    return theirs, folder / "dinov2.pth", test_transformers.VIT_SMALL, 56


OPTIONS: dict[str, dict[str, Any]] = {
    name: {key: value for key, value in known.backbone.items() if key != "kind"} for name, known in CATALOGUE.items()
}
MAKERS: dict[str, Callable[[str, Path], Made]] = {
    "antelopev2": iresnet,
    "buffalo-l": iresnet,
    "lvface-b": vector_alone("vit_tiny_patch16_224", img_size=112, depth=2),
    "clip-vit-b-32": clip,
    "clip-vit-b-16": clip,
    "clip-vit-l-14": clip,
    "dinov2-vit-b-14": dinov2,
    "adaface-ir101": adaface,
    "edgeface-s": vector_alone("edgenext_xx_small"),
    "siglip2-b-16": pooled("vit_base_patch16_siglip_224"),
    "dinov3-vit-b-16": pooled("vit_small_patch16_dinov3"),
}
ELSEWHERE = {"dlib-resnet29", "artface-clip-lora"}
"""Entries with tests of their own below."""


def test_every_entry_is_loaded_by_a_test() -> None:
    assert {*MAKERS} | ELSEWHERE == {*CATALOGUE}
    assert all(bool(known.source) != bool(known.obtain) for known in CATALOGUE.values())


@torch.inference_mode()
def alike(ours: nn.Module, theirs: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor) -> None:
    """The same vectors, but for the rounding of a hundred layers; and not the same for every face."""
    expected = theirs(x)
    assert nn.functional.cosine_similarity(ours.eval()(x), expected).min() > 0.9999
    assert nn.functional.cosine_similarity(expected[:1], expected[1:]).item() < 0.9995


@pytest.mark.parametrize("name", MAKERS)
def test_an_entry_gives_the_vectors_of_its_network(at: Layout, name: str) -> None:
    theirs, file, small, side = MAKERS[name](name, at.root)
    known = CATALOGUE[name]
    put_weights(at, name, lambda folder: catalogue.fetch(folder, name, CatalogueOptions(name=name, path=str(file))))
    for backbone in (known.backbone, *known.also):
        options = {**backbone, **(small if backbone is known.backbone else {}), known.field: name}
        ours = BACKBONES[options["kind"]].model_validate(options).make(at=at)
        alike(ours, theirs, faces(side))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("adaface-ir101", [(b - 127.5) / 127.5 for b in (30, 20, 10)]),
        ("lvface-b", [(b - 127.5) / 127.5 for b in (10, 20, 30)]),
        ("dinov3-vit-b-16", [(10 / 255 - 0.485) / 0.229, (20 / 255 - 0.456) / 0.224, (30 / 255 - 0.406) / 0.225]),
    ],
)
def test_pixels_are_as_the_authors_feed_them(at: Layout, name: str, expected: list[float]) -> None:
    _, file, _, side = MAKERS[name](name, at.root)
    put_weights(at, name, lambda folder: catalogue.fetch(folder, name, CatalogueOptions(name=name, path=str(file))))
    ours = BACKBONES["onnx"].model_validate({**CATALOGUE[name].backbone, "weights": name}).make(at=at)
    x = Preprocess(ours)(np.tile(np.array([10, 20, 30], np.uint8), (112, 112, 1)), ARCFACE.points)
    assert x.shape == (3, side, side)
    np.testing.assert_allclose(x[:, side // 2, side // 2], expected, atol=1e-5)


def test_dlibs_is_that_of_the_demo() -> None:
    """… whose weights other tests compare with dlib's own."""
    source = params.check(demo()).download["dlib"]
    known = CATALOGUE["dlib-resnet29"]
    assert known.source is not None
    assert known.source.model_dump() == source.model_dump() | {"licence": None, "size": None}
    assert known.licence == source.licence


def test_artfaces_adapter_is_added_to_its_base(at: Layout) -> None:
    theirs = test_transformers.their_clip()
    put_weights(at, "base", lambda folder: torch.save(theirs.state_dict(), folder / "clip.pt"))
    model = adapted(at, theirs, "openai/clip-vit-base-patch16", target_modules=["c_fc"])
    copy = CatalogueOptions(name="artface-clip-lora", path=str(adapter_file(at)))
    put_weights(at, "lora", lambda folder: catalogue.fetch(folder, "lora", copy))
    options = {**CATALOGUE["artface-clip-lora"].backbone, **test_transformers.CLIP_SMALL, "adapter": "lora"}
    ours = BACKBONES["clip"].model_validate({**options, "weights": "base"}).make(at=at)
    with torch.inference_mode():
        same(ours, faces(64), model.base_model.model.encode_image(faces(64)))


def of_catalogue(name: str, backbone: dict[str, Any], **entry: Any) -> params.Study:
    raw = demo()
    raw["download"]["known"] = {"kind": "catalogue", "name": name, **entry}
    raw["models"]["m"] = {"backbone": backbone, "adaptation": {"kind": "none"}, "loss": {"kind": "none"}}
    return params.check(raw)


def test_a_study_names_weights_and_has_their_licence() -> None:
    study = of_catalogue("antelopev2", {"kind": "iresnet", "depth": 100, "weights": "known"})
    assert study.download["known"].licence == "InsightFace, for non-commercial research"
    other = of_catalogue(
        "adaface-ir101",
        {"kind": "onnx", "colour": "bgr", "weights": "known"},
        path="nowhere.onnx",
        licence="by contract",
    )
    assert other.download["known"].licence == "by contract"
    assert "How to get it: adaface_ir101_webface12m.ckpt" in missing(other, HERE)["known"]


@pytest.mark.parametrize(
    ("name", "backbone", "entry", "words"),
    [
        ("antelopev2", {"kind": "iresnet", "depth": 50}, {}, "depth has to be 100, not 50"),
        ("antelopev2", {"kind": "onnx", "colour": "bgr"}, {}, "colour has to be rgb, not bgr"),
        ("lvface-b", {"kind": "iresnet"}, {}, "its kind has to be onnx, not iresnet"),
        (
            "clip-vit-b-16",
            {"kind": "clip", "architecture": "ViT-B-16"},
            {},
            "has to be ViT-B-16-quickgelu, not ViT-B-16",
        ),
        ("adaface-ir101", {"kind": "onnx"}, {"path": "a.onnx"}, "colour has to be bgr, not rgb"),
        ("artface-clip-lora", {"kind": "clip", "architecture": "ViT-B-16-quickgelu"}, {"path": "a"}, "is no weights"),
        ("antelope", {"kind": "iresnet"}, {}, "did you mean 'antelopev2'"),
        ("edgeface-s", {"kind": "onnx"}, {}, "known without a checksum: get a copy"),
        ("antelopev2", {"kind": "iresnet"}, {"sha256": "0" * 64}, "is that of a copy"),
    ],
)
def test_options_that_would_give_wrong_vectors_are_refused(
    name: str, backbone: dict[str, Any], entry: dict[str, Any], words: str
) -> None:
    with pytest.raises(SitterError, match=words):
        of_catalogue(name, {**backbone, "weights": "known"}, **entry)


def test_clip_with_the_other_activation_is_a_decision_of_the_study() -> None:
    backbone = {"kind": "clip", "architecture": "ViT-B-32", "other_activation": True, "weights": "known"}
    assert of_catalogue("clip-vit-b-32", backbone).models["m"].backbone.kind == "clip"


def test_the_lists_lines_are_a_study(capsys: pytest.CaptureFixture[str]) -> None:
    show.run([], what="catalogue")
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]]
    assert listed == [*CATALOGUE]
    for name, known in CATALOGUE.items():
        show.run([], what="catalogue", name=name)
        out = capsys.readouterr().out
        lines = yaml.safe_load(out[out.index("\ndownload:") :])
        backbone = lines["models"]["NAME"]["backbone"]
        if known.field == "adapter":
            backbone["weights"] = "dlib"
        entry = lines["download"][name]
        backbone[known.field] = "known"
        assert of_catalogue(**{k: v for k, v in entry.items() if k != "kind"}, backbone=backbone)
        if isinstance(known.source, FileOptions | HubOptions):
            assert str(known.source.sha256) in out
    with pytest.raises(SitterError, match="did you mean 'antelopev2'"):
        show.run([], what="catalogue", name="antelopev1")
