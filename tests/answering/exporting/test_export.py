"""What is exported gives the model's own vectors: mirrored images, centring, whitening and weights included."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image

import sitter
from pipeline import cli, params
from pipeline.answering.exporting.export import Form, export, sample
from pipeline.answering.exporting.network import Exported
from pipeline.answering.recogniser import FusedRecogniser
from pipeline.answering.study import OpenStudy
from pipeline.core.layout import Layout
from pipeline.stages import align, download, split
from pipeline.store.embeddings import read_embeddings
from tests.answering.conftest import portrait
from tests.faces.real import shared

pytestmark = pytest.mark.slow

NAMES = ["two", "apart", "weighted", "whitened", "cohort"]
"""A network with mirrored images, and fusions: of networks that are shown other sizes; with weights; with whitening; of
a network and a fusion, with normalised scores."""
Export = Callable[[str, Form], Path]


@pytest.fixture(scope="module")
def exported(study: OpenStudy, tmp_path_factory: pytest.TempPathFactory) -> Export:
    """Exports a model once."""
    folder = tmp_path_factory.mktemp("exports")

    def made(name: str, form: Form) -> Path:
        there = folder / form / name
        return there if there.exists() else export(study, name, form, there)

    return made


@pytest.fixture(scope="module")
def study(project: Path) -> OpenStudy:
    return sitter.open_study(project)


@pytest.mark.parametrize("name", NAMES)
def test_a_graph_takes_any_number_of_faces_and_gives_our_vectors(study: OpenStudy, exported: Export, name: str) -> None:
    model = study.model(name, align="photos")
    faces, _ = sample(study, 12)
    own = model.prints(faces).units
    session = onnxruntime.InferenceSession(str(exported(name, "onnx") / "model.onnx"))
    pixels = Exported(model.recogniser).pixels(faces)
    told = json.loads(session.get_modelmeta().custom_metadata_map["sitter"])
    assert [one["name"] for one in told["inputs"]] == [one.name for one in session.get_inputs()]
    for count in (1, 7, 12):
        given = {one.name: x[:count].numpy() for one, x in zip(session.get_inputs(), pixels, strict=True)}
        (found,) = session.run(None, given)
        assert found.shape == (count, told["dim"])
        assert (found * own[:count]).sum(1).min() > 0.99999
    assert np.abs(np.linalg.norm(found, axis=1) - 1).max() < 1e-5


@pytest.mark.parametrize("name", ["two", "apart", "whitened"])
def test_a_folder_works_without_this_project(study: OpenStudy, exported: Export, name: str) -> None:
    """Its own example, in a Python that cannot import the project."""
    folder = exported(name, "folder")
    assert (folder / "example.py").read_text().count("\n") < 30
    Image.fromarray(portrait(5, 0)).save(folder / "face.png")
    code = (
        "import sys; sys.modules['pipeline'] = sys.modules['sitter'] = None\n"
        "import json, numpy as np, cv2; from example import vector\n"
        "image = cv2.imread('face.png')[..., ::-1].copy()\n"
        "points = [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], "
        "[41.5493, 92.3655], [70.7299, 92.2041]]\n"
        "print(json.dumps(vector(image, points).tolist()))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    found = np.array(json.loads(done.stdout))
    own = read_embeddings(name, "photos", study.at).select(["s05/0"])[0]
    assert found @ own / np.linalg.norm(own) > 0.9999


@pytest.mark.parametrize("form", ["onnx", "folder"])
def test_an_export_is_opened_again_with_its_calibration(study: OpenStudy, exported: Export, form: Form) -> None:
    model = sitter.open_model(exported("whitened", form), study=study, align="photos")
    own = study.model("whitened", align="photos")
    one, other = portrait(5, 80), portrait(5, 81)
    assert model.embed(one) @ own.embed(one) > 0.99999
    here, there = own.compare(one, other), model.compare(one, other)
    assert there.likelihood_ratio == pytest.approx(here.likelihood_ratio, rel=1e-3)
    assert there.note == here.note


def test_the_mirror_is_in_the_graph_and_told(exported: Export) -> None:
    folders = [exported(name, "onnx") for name in ("two", "apart")]
    mirrored, plain = ((folder / "README.md").read_text() for folder in folders)
    assert "two add the vector of the mirrored image; this is part of the export" in mirrored
    assert "Do not add the vector of the mirrored image" in plain
    assert [json.loads((folder / "model.json").read_text())["mirrored"] for folder in folders] == [["two"], []]


def test_the_card_says_what_has_to_be_known(exported: Export) -> None:
    card = (exported("cohort", "onnx") / "README.md").read_text()
    for words in (
        "# cohort",
        "Data set photos: CC0-1.0",
        "| photos | folder | 12 | 36 |",
        "score normalisation by a cohort of 10",
        "faces of photos: the lowest cosine was 0.99999",
        "The study has not evaluated this model",
        "## Intended use",
        "## Limits",
        "## What must not be done with it",
    ):
        assert words in card
    assert not (exported("cohort", "onnx") / "calibration.json").exists(), "it would be of raw cosines"


def test_what_cannot_be_exported_says_why(study: OpenStudy, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recogniser = study.model("both", align="photos").recogniser
    assert isinstance(recogniser, FusedRecogniser)
    gated = FusedRecogniser("gated", "gated", recogniser.fused, recogniser.parts, "")
    with pytest.raises(
        sitter.SitterError, match=r"weights or lengths depend on the picture.*concat, wccn, weighted, score"
    ):
        Exported(gated)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    with pytest.raises(sitter.SitterError, match="no earlier export: name another place by --out"):
        export(study, "one", "onnx", tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.tex").exists()
    arguments = ["export", "onne", "--to", "onnx", "--params", str(study.at.root / "params.yaml")]
    assert cli.main(arguments) == 1
    assert "'onne' is no model or fusion of the study; did you mean 'one'?" in capsys.readouterr().err


def test_an_export_that_gives_other_vectors_is_not_kept(
    study: OpenStudy, exported: Export, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(exported("two", "onnx"), tmp_path / "out")
    before = (tmp_path / "out" / "manifest.csv").read_text()
    real = Exported.forward
    monkeypatch.setattr(Exported, "forward", lambda self, *pixels: real(self, *(x.flip(2) for x in pixels)))
    with pytest.raises(sitter.SitterError, match="gives other vectors than the model itself"):
        export(study, "two", "onnx", tmp_path / "out")
    assert (tmp_path / "out" / "manifest.csv").read_text() == before


@pytest.mark.slow
def test_real_weights_on_a_hundred_real_faces(at: Layout, tmp_path: Path) -> None:
    weights, photographs = shared("weights"), shared("data", "lfw-100")
    shutil.copytree(photographs, tmp_path / "lfw")
    scrfd = {"kind": "file", "path": str(weights / "scrfd_500m.onnx"), "licence": "MIT"}
    network = {"kind": "file", "path": str(weights / "mobilefacenet.pt"), "licence": "MIT"}
    backbone = {"kind": "mobilefacenet", "weights": "network"}
    raw = {
        "seed": 1,
        "download": {"lfw": {"kind": "folder", "path": "lfw"}, "scrfd": scrfd, "network": network},
        "align": {"lfw": {"detectors": [{"kind": "scrfd", "weights": "scrfd"}]}},
        "split": {"lfw": {"kind": "sitters", "test": 1.0}},
        "train": {},
        "models": {
            "m": {"backbone": backbone, "adaptation": {"kind": "none"}, "loss": {"kind": "none"}, "mirror": True}
        },
        "embed": {"datasets": ["lfw"], "batch": 32},
        "evaluate": {"benchmarks": {}},
    }
    study = OpenStudy(params.check(raw), at)
    for entry in raw["download"]:  # type: ignore[attr-defined]
        download.run(study.params, entry, tmp_path)
    align.run(study.params, "lfw", tmp_path)
    split.run(study.params, "lfw", tmp_path)
    for form in ("onnx", "folder"):
        export(study, "m", form, tmp_path / form)  # type: ignore[arg-type]
        checked = json.loads((tmp_path / form / "model.json").read_text())["checked"]
        assert checked["faces"] == 100
        assert checked["least_cosine"] > 0.99999
