"""Recognisers in ONNX: as they are, under a trained head, and InsightFace's poured into a PyTorch IResNet."""

from __future__ import annotations

import json
import warnings

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper
from torch import nn

from pipeline.core.alignment import ARCFACE
from pipeline.core.errors import SitterError
from pipeline.faces.image import read_image
from pipeline.models.backbone import count_parameters, frozen_prefix, load_trained_state, trained_state
from pipeline.models.backbones.iresnet import IResNet
from pipeline.models.backbones.onnx_network import ONNXNetwork
from pipeline.models.build import build
from pipeline.models.load import load_model
from pipeline.models.preprocess import Preprocess
from pipeline.params.backbones.iresnet import IResNetOptions
from pipeline.params.backbones.onnx_network import ONNXNetworkOptions
from pipeline.params.detectors.scrfd import SCRFDOptions
from tests.models.conftest import SHARED, adaptation_options, backbone_options, needs_shared
from tests.models.test_backbones import put_weights, stirred
from tests.models.test_load import written

MOBILEFACENET = SHARED / "weights/mobilefacenet.onnx"
IMAGENET = {"mean": (123.675, 116.28, 103.53), "scale": (58.395, 57.12, 57.375)}
X = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(3))


def exported(network, x, file, **options):
    """By torch's older exporter, which folds convolution and normalisation as InsightFace's files have it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(network.eval(), x, str(file), dynamo=False, **options)


def run(file, x):
    import onnxruntime

    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(None, {session.get_inputs()[0].name: x.numpy()})[0])


def small():
    torch.manual_seed(1)
    return nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.BatchNorm2d(4), nn.PReLU(4), nn.Flatten(), nn.Linear(900, 8))


def put(at, network, x=X, entry="rec", **options):
    put_weights(at, entry, lambda folder: exported(network, x, folder / "rec.onnx", **options))
    return at.root / f"data/raw/{entry}/rec.onnx"


FREE = {"input_names": ["x"], "output_names": ["y"], "dynamic_axes": {"x": {0: "n"}, "y": {0: "n"}}}


@pytest.mark.parametrize(("given", "options"), [(X, FREE), (X[:1], {}), (X[:2], {})], ids=["free", "one", "two"])
def test_any_batch_is_run_by_graphs_of_a_free_and_of_a_fixed_batch(at, given, options):
    network = small().eval()
    put(at, network, given, **options)
    ours = ONNXNetwork(ONNXNetworkOptions(weights="rec"), at).eval()
    assert (ours.dim, ours.template.size) == (8, 32)
    with torch.inference_mode():
        torch.testing.assert_close(ours(X), network(X), rtol=1e-4, atol=1e-5)
    conv, norm, slopes, linear = 4 * 27 + 4, 0, 4, 900 * 8 + 8  # the normalisation is folded
    assert count_parameters(ours) == (0, conv + norm + slopes + linear)


def test_channels_last_a_named_output_and_any_size_are_options(at):
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.network = small()

        def forward(self, x):
            y = self.network(x.permute(0, 3, 1, 2))
            return y.sum(1), y

    axes = {"x": {0: "n", 1: "h", 2: "w"}}
    put(at, Two(), X.permute(0, 2, 3, 1), input_names=["x"], output_names=["score", "vector"], dynamic_axes=axes)
    with pytest.raises(
        SitterError, match=r"rec.onnx has 2 outputs: set `output` to the one with the vector. Allowed: score, vect"
    ):
        ONNXNetwork(ONNXNetworkOptions(weights="rec"), at)
    with pytest.raises(SitterError, match=r"no output 'vektor'; did you mean 'vector'"):
        ONNXNetwork(ONNXNetworkOptions(weights="rec", output="vektor"), at)
    with pytest.raises(SitterError, match=r"should `layout` be nhwc\?"):
        ONNXNetwork(ONNXNetworkOptions(weights="rec", output="vector", size=32), at)
    with pytest.raises(SitterError, match=r"takes faces of any size: say which"):
        ONNXNetwork(ONNXNetworkOptions(weights="rec", output="vector", layout="nhwc"), at)
    ours = ONNXNetwork(ONNXNetworkOptions(weights="rec", output="vector", layout="nhwc", size=32), at)
    with torch.inference_mode():
        torch.testing.assert_close(ours(X), small().eval()(X), rtol=1e-4, atol=1e-5)


def test_template_colours_and_numbers_are_options(at):
    put(at, small(), **FREE)
    points = tuple((float(x), float(y)) for x, y in ARCFACE.points / 4)
    ours = ONNXNetwork(
        ONNXNetworkOptions(weights="rec", points=points, colour="bgr", mean=(1.0, 2.0, 3.0), scale=(2.0, 2.0, 4.0)), at
    )
    np.testing.assert_allclose(ours.template.points, ARCFACE.points / 4)
    red, green, blue = face = np.array([10, 20, 30], np.uint8)
    x = Preprocess(ours)(np.tile(face, (112, 112, 1)), ARCFACE.points)
    assert x.shape == (3, 32, 32)
    assert x[:, 16, 16].tolist() == [(blue - 3) / 4, (green - 2) / 2, (red - 1) / 2]


def test_a_file_that_is_no_recogniser_is_refused(at):
    put_weights(at, "page", lambda folder: (folder / "rec.onnx").write_text("<html>"))
    with pytest.raises(SitterError, match=r"rec.onnx is no ONNX network that can be run"):
        ONNXNetwork(ONNXNetworkOptions(weights="page"), at)
    put(at, nn.Linear(4, 2), torch.zeros(1, 4))
    with pytest.raises(SitterError, match=r"rec.onnx takes .* \[1, 4\]; a recogniser takes only images"):
        ONNXNetwork(ONNXNetworkOptions(weights="rec"), at)
    put(at, small(), entry="other", **FREE)
    with pytest.raises(SitterError, match=r"takes faces of 32 pixels, but size is 112"):
        ONNXNetwork(ONNXNetworkOptions(weights="other", size=112), at)


def test_a_head_is_trained_on_its_vectors_and_lora_is_refused(at):
    put(at, small(), **FREE)
    options = {"kind": "onnx", "weights": "rec"}
    network, way = build(backbone_options(**options), adaptation_options(kind="head", centre=False), 1, at)
    assert frozen_prefix(network) == 1
    with torch.no_grad():
        features = network.stages[:1](X)
    optimiser = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], 0.1)
    ((network.stages[1:](features) - 1).square().mean() + way.penalty(network)).backward()
    optimiser.step()
    with torch.inference_mode():
        assert not torch.equal(network(X), features)
    with pytest.raises(SitterError, match=r"ONNXNetwork has no layers that can be trained; use `kind: head`"):
        build(backbone_options(**options), adaptation_options(kind="lora"), 1, at)
    trained = written(at, {"kind": "head"}, options)
    with torch.inference_mode():
        torch.testing.assert_close(load_model("m", at=at).module(X), trained(X))
    description = json.loads((at.root / "models/m/model.json").read_text())
    assert description["parameters"] == {"trained": 8 * 8 + 8, "total": 8 * 8 + 8 + 7324}


@needs_shared("weights/mobilefacenet.onnx")
def test_mobilefacenet_tells_faces_of_lfw_apart(at):
    """A real recogniser with a fixed batch of one, on faces that SCRFD finds in photographs of ten people."""

    from sklearn.metrics import roc_auc_score

    from pipeline.core.alignment import align
    from pipeline.faces.detectors.scrfd import SCRFD

    for entry in ("mobilefacenet", "scrfd_500m"):
        put_weights(at, entry, lambda folder, n=entry: (folder / f"{n}.onnx").symlink_to(SHARED / f"weights/{n}.onnx"))
    files = [file for person in sorted((SHARED / "data/lfw-100").iterdir()) for file in sorted(person.iterdir())[:3]]
    detector, images = SCRFD(SCRFDOptions(weights="scrfd_500m", sides=(320,)), at), [read_image(file) for file in files]
    crops = [align(image, detector.detect(image)[0].landmarks) for image in images]
    ours = ONNXNetwork(ONNXNetworkOptions(weights="mobilefacenet", **IMAGENET), at)
    assert ours.dim == 128
    prepare = Preprocess(ours)
    with torch.inference_mode():
        vectors = ours(torch.stack([prepare(crop, ARCFACE.points) for crop in crops]))
    mean, scale = (np.array(v, np.float32) for v in IMAGENET.values())
    alone = run(
        MOBILEFACENET, torch.from_numpy(((crops[4] - mean) / scale).transpose(2, 0, 1)[None].astype(np.float32))
    )
    torch.testing.assert_close(vectors[4:5], alone, rtol=1e-3, atol=1e-4)
    unit = nn.functional.normalize(vectors)
    first, second = np.triu_indices(len(files), 1)
    people = np.array([file.parent.name for file in files])
    assert roc_auc_score(people[first] == people[second], (unit @ unit.T)[first, second]) > 0.995


def poured(at, file, entry, **options):
    """An IResNet with the weights of an ONNX file."""
    put_weights(at, entry, lambda folder: onnx.save(file, folder / "glintr.onnx"))
    return IResNet(IResNetOptions(weights=entry, **options), at).eval()


FLOAT = onnx.TensorProto.FLOAT
NARROW = {"depth": 100, "width": 0.125, "embedding": 64}


@pytest.mark.slow
def test_all_weights_of_a_folded_iresnet100_are_taken_over_and_give_onnx_runtimes_vectors(at):
    trained = stirred(IResNet(IResNetOptions(**NARROW), at))
    for module in trained.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 2e-5  # as networks that came from MXNet have it
    faces = torch.randn(2, 3, 112, 112, generator=torch.Generator().manual_seed(3))
    exported(trained.stages, faces, at.root / "glintr100.onnx", **FREE)
    file = onnx.load(at.root / "glintr100.onnx")
    assert not any("bn2" in t.name and "layer" in t.name for t in file.graph.initializer)  # folded, names gone
    ours = poured(at, file, "pack", **NARROW)
    expected = run(at.root / "glintr100.onnx", faces)
    with torch.inference_mode():
        vectors = ours(faces)
    assert nn.functional.cosine_similarity(vectors, expected).min() > 0.9999
    torch.testing.assert_close(vectors, expected, rtol=1e-2, atol=1e-2)
    theirs = [np.abs(numpy_helper.to_array(t)).sum() for t in file.graph.initializer if t.data_type == FLOAT]
    own = [float(value.abs().sum()) for value in ours.state_dict().values()]
    assert np.isclose(np.array(theirs)[:, None], own, rtol=1e-4).any(1).all()  # every tensor of the file is in it


def test_an_onnx_iresnet_with_more_weights_or_other_connections_is_refused(at):
    options = {"depth": 18, "width": 0.0625, "embedding": 16}
    faces = torch.randn(1, 3, 112, 112)
    exported(stirred(IResNet(IResNetOptions(**options), at)).stages, faces, at.root / "whole.onnx", **FREE)
    file = onnx.load(at.root / "whole.onnx")
    extra = numpy_helper.from_array(np.full(16, 2, np.float32), "gain")
    file.graph.initializer.append(extra)
    last = file.graph.node[-1]
    last.output[0] = "before"
    file.graph.node.append(helper.make_node("Mul", ["before", "gain"], ["y"]))
    with pytest.raises(SitterError, match=r"1 of its tensors belong to no layer of an IResNet \(gain\).*kind: onnx"):
        poured(at, file, "gained", **options)
    file = onnx.load(at.root / "whole.onnx")
    add = [node for node in file.graph.node if node.op_type == "Add"][-1]
    add.input[1] = add.input[0]
    with pytest.raises(SitterError, match=r"has the layers of IResNet18 .* but connects them otherwise: the cosine of"):
        poured(at, file, "rewired", **options)


@pytest.mark.slow
def test_iresnet100_at_full_size_with_only_its_last_linear_layer_trained(at):
    """ArtFace's IResNet100-Tuned: 25,088 × 512 weights and 512 biases; a step on kept features, saved, loaded."""
    options, way = {"kind": "iresnet", "depth": 100}, {"kind": "layers", "roles": ["fc"]}

    def built():
        network, adaptation = build(backbone_options(**options), adaptation_options(**way), 7, at)
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                module.weight.data.mul_(0.1)  # drawn for training from scratch: 100 untrained layers would overflow
        return network, adaptation

    network, adaptation = built()
    trained, total = count_parameters(network)
    assert trained == 25_088 * 512 + 512
    assert round(total / 1e6, 1) == 65.2
    cut = frozen_prefix(network)
    assert cut == len(network.stages) - 1
    face = torch.randn(1, 3, 112, 112, generator=torch.Generator().manual_seed(3))
    network.train()
    with torch.no_grad():
        features = network.stages[:cut](face)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    optimiser = torch.optim.Adam([p for p in network.parameters() if p.requires_grad], 1e-3)
    (nn.functional.normalize(network.stages[cut:](features)) @ torch.ones(512)).sum().backward()
    optimiser.step()
    after = trained_state(network.eval())
    assert after.keys() == {"stages.tail.fc.weight", "stages.tail.fc.bias"}
    assert {n for n, v in network.state_dict().items() if not torch.equal(v, before[n])} == after.keys()
    again, _ = built()
    load_trained_state(again, after)
    adaptation.merge(again)
    with torch.inference_mode():
        vector = again(face)
        assert vector.shape == (1, 512)
        assert vector.isfinite().all()
        assert torch.equal(vector, network.stages[cut:](features))
