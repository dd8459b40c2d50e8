"""Backbones: the same vectors as the networks they stand for, and clear words where weights do not fit."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from pipeline.core.errors import SitterError
from pipeline.models.backbone import frozen_prefix
from pipeline.models.backbones.dlib_resnet29 import DlibResNet29
from pipeline.models.backbones.efficientnet_lite0 import EfficientNetLite0
from pipeline.models.backbones.iresnet import IResNet
from pipeline.models.backbones.mobilefacenet import MobileFaceNet
from pipeline.models.backbones.onnx_network import ONNXNetwork
from pipeline.models.build import build
from pipeline.models.preprocess import Preprocess
from pipeline.params.backbones.dlib_resnet29 import DlibResNet29Options
from pipeline.params.backbones.efficientnet_lite0 import EfficientNetLite0Options
from pipeline.params.backbones.iresnet import IResNetOptions
from pipeline.params.backbones.mobilefacenet import MobileFaceNetOptions
from pipeline.params.backbones.onnx_network import ONNXNetworkOptions
from tests.models.conftest import SHARED, adaptation_options, backbone_options, needs_shared

SMALL = {"depth": 18, "width": 0.0625, "embedding": 16}


def put_weights(at, name, save):
    """A file of weights where the download stage would put it."""
    entry = at.raw(name)
    entry.mkdir(parents=True)
    (entry / "manifest.csv").write_text("path,bytes,sha256\n")
    save(entry)


def stirred(network):
    """Statistics and slopes as after training, so that a mistake in them shows."""
    torch.manual_seed(1)
    for module in network.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 2)
            module.weight.data.uniform_(0.5, 1.5)
            module.bias.data.normal_(0, 0.3)
        if isinstance(module, torch.nn.PReLU):
            module.weight.data.uniform_(0, 1)
    network.stages.tail.features.weight.data.fill_(1)
    return network.eval()


def arcface_torch_names(network):
    """State dict under the names that arcface_torch gives."""
    names = {}
    for name, value in network.state_dict().items():
        _, stage, rest = name.split(".", 2)
        names[f"{stage.replace('_', '.')}.{rest}" if stage.startswith("layer") else rest] = value
    return names


@pytest.mark.network
def test_dlib_in_pytorch_gives_the_vectors_of_dlib(at, weights):
    import dlib

    photographs = sorted((SHARED / "data/lfw-100").glob("*/*_0001.jpg"))[:6]
    if not photographs:
        pytest.skip("needs ../shared/data/lfw-100, which is not part of the project")
    faces = [cv2.resize(cv2.imread(str(p))[60:200, 60:200, ::-1], (150, 150)) for p in photographs]
    network = DlibResNet29(DlibResNet29Options(weights=weights("dlib")), at).eval()
    prepare = Preprocess(network)
    prepare.as_stored = True  # these faces are cut to size already
    landmarks = np.zeros((5, 2), np.float32)
    with torch.inference_mode():
        ours = network(torch.stack([prepare(np.ascontiguousarray(f), landmarks) for f in faces])).numpy()
    theirs = dlib.face_recognition_model_v1(str(network.weights_file))
    expected = np.array([theirs.compute_face_descriptor(np.ascontiguousarray(f)) for f in faces])
    np.testing.assert_allclose(ours, expected, atol=2e-6)
    features = DlibResNet29(DlibResNet29Options(weights="dlib", features=True), at).eval()
    prepared = torch.stack([prepare(np.ascontiguousarray(f), landmarks) for f in faces])
    with torch.inference_mode():
        torch.testing.assert_close(network.stages.fc(features(prepared)), torch.from_numpy(ours))
    assert features.dim == 256


def test_a_truncated_dlib_file_is_refused_with_the_layer_that_is_missing(at):
    put_weights(at, "dlib", lambda folder: (folder / "net.dat").write_bytes(b"\x01\x01" * 5000))
    with pytest.raises(SitterError, match=r"net.dat does not fit dlib.*stages.stem.conv .*dlib_face_recognition"):
        DlibResNet29(DlibResNet29Options(weights="dlib"), at)


@pytest.mark.network
def test_efficientnet_lite0_still_knows_a_cat(at, weights):
    import pipeline.core.torchvision_ops  # noqa: F401, I001  (timm imports torchvision)
    import timm
    from skimage import data

    from pipeline.models.weights import read_state

    network = EfficientNetLite0(EfficientNetLite0Options(weights=weights("efficientnet-lite0"), size=224), at).eval()
    classifier = torch.nn.Linear(1280, 1000)
    state = read_state(network.weights_file)
    classifier.load_state_dict({"weight": state["_fc.weight"], "bias": state["_fc.bias"]})
    cat = cv2.resize(data.chelsea()[:, 75:375], (224, 224), interpolation=cv2.INTER_AREA)
    prepare = Preprocess(network)
    prepare.as_stored = True  # as it is, without alignment
    x = prepare(cat, np.zeros((5, 2), np.float32))[None]
    whole = timm.create_model("tf_efficientnet_lite0").eval()
    whole.load_state_dict(dict(zip(whole.state_dict(), state.values(), strict=True)))
    with torch.inference_mode():
        logits = classifier(network(x))
        torch.testing.assert_close(logits, whole(x))
    assert logits.argmax().item() in range(281, 286)  # ImageNet's domestic cats


def test_efficientnet_lite0_refuses_the_weights_of_another_network(at):
    put_weights(at, "effnet", lambda folder: torch.save({"a": torch.zeros(2)}, folder / "other.pth"))
    with pytest.raises(SitterError, match=r"other.pth does not fit EfficientNet-Lite0: it holds 1 tensors, not 296"):
        EfficientNetLite0(EfficientNetLite0Options(weights="effnet"), at)


@needs_shared("weights/mobilefacenet.pt")
def test_mobilefacenet_gives_the_vectors_of_its_onnx_file(at):
    file = SHARED / "weights/mobilefacenet.pt"
    put_weights(at, "mobile", lambda folder: (folder / file.name).symlink_to(file))
    put_weights(at, "graph", lambda folder: (folder / "m.onnx").symlink_to(file.with_suffix(".onnx")))
    network = MobileFaceNet(MobileFaceNetOptions(weights="mobile"), at).eval()
    faces = torch.randn(4, 3, 112, 112, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        vectors, expected = network(faces), ONNXNetwork(ONNXNetworkOptions(weights="graph"), at).eval()(faces)
        assert torch.cosine_similarity(vectors, expected).min() > 0.99999
        features = MobileFaceNet(MobileFaceNetOptions(weights="mobile", features=True), at).eval()
        found = features(faces)
        torch.testing.assert_close(network.stages.vector(found[:, :, None, None]), vectors)
    assert features.dim == found.shape[1] == 512


def test_mobilefacenet_is_as_small_as_published_and_its_parts_can_be_adapted(at):
    network = MobileFaceNet(MobileFaceNetOptions(), at)
    assert sum(p.numel() for p in network.parameters()) == 999_936  # the paper: 0.99 million
    for way, trained in (("layers", 512 * 128 + 128), ("lora", 8 * (128 * 2 + 256 * 2 + 128 + 512))):
        options = {"kind": way, "roles": ["fc"]} if way == "layers" else {"kind": way, "roles": ["conv"], "stages": 2}
        backbone, _ = build(backbone_options(kind="mobilefacenet"), adaptation_options(**options), 1, at)
        assert sum(p.numel() for p in backbone.parameters() if p.requires_grad) == trained
        before = {name: value.clone() for name, value in backbone.named_buffers()}
        backbone.train()(torch.randn(4, 3, 112, 112)).sum().backward()
        assert all(torch.equal(value, before[name]) for name, value in backbone.named_buffers()), "statistics stay"


def test_mobilefacenet_refuses_the_weights_of_another_network(at):
    put_weights(at, "mobile", lambda folder: torch.save({"conv1.0.weight": torch.zeros(2)}, folder / "other.pt"))
    with pytest.raises(SitterError, match=r"other.pt does not fit MobileFaceNet: \d+ of \d+ tensors are missing"):
        MobileFaceNet(MobileFaceNetOptions(weights="mobile"), at)


@pytest.mark.parametrize(("depth", "millions"), [(18, 24.0), (34, 34.1), (50, 43.6), (100, 65.2)])
def test_iresnet_has_the_published_size_and_maps_faces_to_512_values(at, depth, millions):
    network = IResNet(IResNetOptions(depth=depth), at).eval()
    assert round(sum(p.numel() for p in network.parameters()) / 1e6, 1) == millions
    with torch.inference_mode():
        assert network(torch.zeros(1, 3, 112, 112)).shape == (1, 512)


def test_iresnet_equals_insightfaces_forward_pass_block_by_block(at):
    """The block as arcface_torch writes it, with its own functional calls."""
    network = stirred(IResNet(IResNetOptions(**SMALL), at))
    state = arcface_torch_names(network)

    def norm(x, name):
        parts = (state[f"{name}.{p}"] for p in ("running_mean", "running_var", "weight", "bias"))
        return torch.nn.functional.batch_norm(x, *parts, eps=1e-5)

    x = torch.randn(2, 3, 112, 112)
    y = torch.nn.functional.conv2d(x, state["conv1.weight"], padding=1)
    y = torch.nn.functional.prelu(norm(y, "bn1"), state["prelu.weight"])
    for layer in range(1, 5):
        for block in range(2):
            at, stride = f"layer{layer}.{block}", 1 if block else 2
            z = torch.nn.functional.conv2d(norm(y, f"{at}.bn1"), state[f"{at}.conv1.weight"], padding=1)
            z = torch.nn.functional.prelu(norm(z, f"{at}.bn2"), state[f"{at}.prelu.weight"])
            z = norm(torch.nn.functional.conv2d(z, state[f"{at}.conv2.weight"], None, stride, 1), f"{at}.bn3")
            if not block:
                y = torch.nn.functional.conv2d(y, state[f"{at}.downsample.0.weight"], None, 2)
                y = norm(y, f"{at}.downsample.1")
            y = y + z
    y = norm(y, "bn2").flatten(1)
    y = norm(torch.nn.functional.linear(y, state["fc.weight"], state["fc.bias"]), "features")
    with torch.inference_mode():
        torch.testing.assert_close(network(x), y, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("wrap", [lambda s: s, lambda s: {"epoch": 3, "state_dict": {f"module.{k}": s[k] for k in s}}])
def test_iresnet_loads_state_dicts_of_arcface_torch(at, wrap):
    trained = stirred(IResNet(IResNetOptions(**SMALL), at))
    state = {**arcface_torch_names(trained), "head.weight": torch.zeros(3)}
    put_weights(at, "face", lambda folder: torch.save(wrap(state), folder / "backbone.pth"))
    loaded = IResNet(IResNetOptions(weights="face", **SMALL), at).eval()
    x = torch.randn(2, 3, 112, 112)
    with torch.inference_mode():
        assert torch.equal(loaded(x), trained(x))


def test_iresnet_names_the_tensors_that_are_missing_from_weights_of_another_depth(at):
    state = arcface_torch_names(IResNet(IResNetOptions(**SMALL), at))
    put_weights(at, "face", lambda folder: torch.save(state, folder / "backbone.pth"))
    with pytest.raises(SitterError, match=r"does not fit IResNet34 of width 0.0625.*missing, stages.layer1_2.bn1.weig"):
        IResNet(IResNetOptions(**{**SMALL, "depth": 34}, weights="face"), at)


def test_iresnet_names_the_tensors_of_another_shape(at):
    state = arcface_torch_names(IResNet(IResNetOptions(**SMALL), at))
    put_weights(at, "face", lambda folder: torch.save(state, folder / "backbone.pth"))
    with pytest.raises(SitterError, match=r"stages.tail.fc.weight is \[16, 1568\], not \[8, 1568\]"):
        IResNet(IResNetOptions(**{**SMALL, "embedding": 8}, weights="face"), at)


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>"])
def test_a_file_that_is_no_weights_is_refused_by_name(at, content):
    put_weights(at, "face", lambda folder: (folder / "backbone.pth").write_bytes(content))
    with pytest.raises(SitterError, match=r"data/raw/face/backbone.pth is no file of weights"):
        IResNet(IResNetOptions(weights="face", **SMALL), at)


def test_weights_that_would_run_code_are_refused(at):
    put_weights(at, "face", lambda folder: torch.save(IResNet(IResNetOptions(**SMALL), at), folder / "backbone.pth"))
    with pytest.raises(SitterError, match="that runs code"):
        IResNet(IResNetOptions(weights="face", **SMALL), at)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_iresnet_loads_onnx_with_folded_normalisation(at):
    """torch's older exporter folds convolution and normalisation as InsightFace's files have it."""
    trained = stirred(IResNet(IResNetOptions(**SMALL), at))
    x = torch.randn(2, 3, 112, 112)

    def export(folder):
        torch.onnx.export(trained.stages, x, str(folder / "glintr18.onnx"), dynamo=False)

    put_weights(at, "pack", export)
    loaded = IResNet(IResNetOptions(weights="pack", **SMALL), at).eval()
    with torch.inference_mode():
        torch.testing.assert_close(loaded(x), trained(x), rtol=1e-4, atol=1e-4)
    with pytest.raises(SitterError, match=r"glintr18.onnx does not fit IResNet34 .*layer1_2"):
        IResNet(IResNetOptions(**{**SMALL, "depth": 34}, weights="pack"), at)


@pytest.mark.parametrize("kind", ["dlib-resnet29", "efficientnet-lite0", "iresnet"])
def test_a_random_start_follows_from_the_seed_alone(at, kind):
    options = backbone_options(**({"kind": kind} | (SMALL if kind == "iresnet" else {})))
    frozen = adaptation_options(kind="none")
    torch.manual_seed(5)
    first, _ = build(options, frozen, seed=1, at=at)
    torch.manual_seed(6)
    same, _ = build(options, frozen, seed=1, at=at)
    other, _ = build(options, frozen, seed=2, at=at)
    size = first.template.size
    x = torch.randn(1, 3, size, size)
    with torch.inference_mode():
        assert first(x).shape == (1, first.dim)
        assert torch.equal(first(x), same(x))
        assert not torch.equal(first(x), other(x))


def test_stages_one_after_the_other_are_the_forward_pass_cut_anywhere(at):
    network = IResNet(IResNetOptions(**SMALL), at).eval()
    x = torch.randn(2, 3, 112, 112)
    with torch.inference_mode():
        for cut in (1, 4, len(network.stages)):
            assert torch.equal(network.stages[cut:](network.stages[:cut](x)), network(x))


def test_a_frozen_backbone_is_unchanged_by_training_mode(at):
    network, _ = build(backbone_options(), adaptation_options(kind="none"), seed=1, at=at)
    before = {k: v.clone() for k, v in network.state_dict().items()}
    x = torch.randn(4, 3, 112, 112)
    y = network(x)
    network.train()
    assert torch.equal(network(x), y)
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())
    assert frozen_prefix(network) == len(network.stages)


def test_iresnet_starts_and_drops_out_as_the_second_study_has_it():
    torch.manual_seed(0)
    network = IResNet(IResNetOptions(depth=50, dropout=0.4))
    convolutions = torch.cat([m.weight.flatten() for m in network.modules() if isinstance(m, torch.nn.Conv2d)])
    assert convolutions.mean().item() == pytest.approx(0, abs=1e-4)
    assert convolutions.std().item() == pytest.approx(0.1, rel=1e-3)
    tail = network.stages.tail
    assert list(dict(tail.named_children())) == ["bn2", "dropout", "flat", "fc", "features"]
    assert (tail.dropout.p, tail.fc.out_features) == (0.4, 512)
    assert torch.equal(tail.features.weight, torch.ones(512))
    assert not tail.features.weight.requires_grad
    tail.train()
    dropped = (tail.dropout(torch.ones(100_000)) == 0).float().mean().item()
    assert dropped == pytest.approx(0.4, abs=0.01)
    blocks = [sum(name.startswith(f"layer{n}_") for name, _ in network.stages.named_children()) for n in (1, 2, 3, 4)]
    assert blocks == [3, 4, 14, 3]
