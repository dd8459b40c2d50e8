"""A model's `centre: true` subtracts the mean of its training faces, without test sitters, from its vectors."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from pipeline.core.errors import SitterError
from pipeline.core.files import read_json, read_table
from pipeline.core.layout import Layout
from pipeline.fusions.fused import mean_units
from pipeline.params import Study, check
from pipeline.plan.stages import jobs
from pipeline.stages import embed, fuse, train
from pipeline.store.embeddings import normalise, read_embeddings
from tests.models.test_onnx import FREE, put, small
from tests.training.study import STUDY, make_faces


def study(datasets: tuple[str, ...] = ("tiny",), **model: Any) -> Study:
    """Return the study with two models, a centred copy of each, and a fusion that centres the first model."""
    raw = copy.deepcopy(STUDY)
    raw["embed"]["datasets"] = list(datasets)
    for name in ("frozen", "lora"):
        raw["models"][f"{name}-centred"] = raw["models"][name] | {"centre": True} | model
        raw["models"][name] |= model
    raw["fuse"] = {
        "fused": {"models": ["frozen", "frozen"], "method": {"kind": "concat"}, "fit_on": ["tiny"], "centre": True}
    }
    return check(raw)


def vectors(at: Layout, study: Study, model: str, dataset: str = "tiny") -> Any:
    train.run(study, model, at.root)
    embed.run(study, model, dataset, at.root)
    return normalise(read_embeddings(model, dataset, at).vectors)


def is_train_image(image_id: str) -> bool:
    """Whether an image is of a train sitter: of one of the first six of nine."""
    return int(image_id[1]) < 6


def test_cosines_are_those_of_a_fusion_that_centres(at: Layout, project: Path) -> None:
    made = study()
    plain, centred = vectors(at, made, "frozen"), vectors(at, made, "frozen-centred")
    fuse.run(made, "fused", project)
    fused = normalise(read_embeddings("fused", "tiny", at).vectors)
    np.testing.assert_allclose(centred @ centred.T, fused @ fused.T, atol=1e-4)
    assert np.abs(centred @ centred.T - plain @ plain.T).mean() > 0.1
    assert read_json(at.model("frozen-centred") / "model.json")["centre"] is True
    assert not (at.model("frozen") / "mean.safetensors").exists()


def test_the_mean_leaves_the_vector_of_a_face_and_of_its_mirror_image_alike(at: Layout, project: Path) -> None:
    made = study(mirror=True)
    vectors(at, made, "frozen")
    centred = vectors(at, made, "frozen-centred")
    table = read_table(at.embeddings("frozen", "tiny") / "embeddings.arrow")
    known = [is_train_image(image_id) for image_id in table["image_id"].to_pylist()]
    both = [normalise(np.array(table[name].to_pylist(), np.float32)) for name in ("embedding", "mirrored")]
    mean = np.concatenate([units[known] for units in both]).mean(0)
    np.testing.assert_allclose(centred, normalise(both[0] + both[1] - 2 * mean), atol=2e-4)


def test_a_model_with_crops_is_centred_on_vectors_with_crops(at: Layout, project: Path) -> None:
    made = study(crops=[0.8])
    plain, centred = vectors(at, made, "frozen"), vectors(at, made, "frozen-centred")
    known = [is_train_image(image_id) for image_id in read_embeddings("frozen", "tiny", at).image_ids]
    np.testing.assert_allclose(centred, normalise(plain - mean_units([plain[known]])[0]), atol=2e-4)
    assert np.abs(plain - vectors(at, study(), "frozen")).max() > 1e-3


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
def test_a_network_that_has_no_parameters_of_its_own_is_centred_too(at: Layout, project: Path) -> None:
    put(at, small(), **FREE)
    raw = copy.deepcopy(STUDY)
    raw["download"]["rec"] = {"kind": "file", "path": "rec.onnx"}
    raw["models"] = {"onnx": raw["models"]["frozen"] | {"backbone": {"kind": "onnx", "weights": "rec"}}}
    raw["models"]["onnx-centred"] = raw["models"]["onnx"] | {"centre": True}
    made = check(raw)
    plain, centred = vectors(at, made, "onnx"), vectors(at, made, "onnx-centred")
    known = [is_train_image(image_id) for image_id in read_embeddings("onnx", "tiny", at).image_ids]
    np.testing.assert_allclose(centred, normalise(plain - mean_units([plain[known]])[0]), atol=1e-4)


@pytest.mark.training
def test_a_trained_model_is_centred_on_the_faces_that_it_learned_from(at: Layout, project: Path) -> None:
    made = study()
    plain, centred = vectors(at, made, "lora"), vectors(at, made, "lora-centred")
    state = [load_file(at.model(name) / "weights.safetensors") for name in ("lora", "lora-centred")]
    assert all(torch.equal(value, state[1][name]) for name, value in state[0].items()), "training is the same"
    known = [is_train_image(image_id) for image_id in read_embeddings("lora", "tiny", at).image_ids]
    expected = normalise(plain - mean_units([plain[known]])[0])
    np.testing.assert_allclose(centred, expected, atol=1e-4)


def test_sitters_who_are_tested_in_another_data_set_are_left_out_of_the_mean(
    at: Layout, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # The test sitters of "more", s2 and s3, are train sitters in "tiny".
    make_faces(at, "more", sitters=4, images=3, train=0, val=2)
    made = study(("tiny", "more"))
    plain = vectors(at, made, "frozen")
    train.run(made, "frozen-centred", project)
    assert "not fitted on 2 sitters of tiny, who are tested in another data set: s2, s3" in capsys.readouterr().err
    (mean,) = load_file(at.model("frozen-centred") / "mean.safetensors").values()
    ids = read_embeddings("frozen", "tiny", at).image_ids
    strangers = [n for n, image in enumerate(ids) if image.startswith(("s0/", "s1/", "s4/", "s5/"))]
    np.testing.assert_allclose(mean, mean_units([plain[strangers]])[0], atol=1e-5)
    make_faces(at, "more", sitters=6, images=3, train=0, val=0)
    for model in ("frozen-centred", "lora-centred"):
        with pytest.raises(SitterError, match=rf"{model}.centre: all train sitters of tiny are tested in other"):
            train.run(made, model, project)
    assert "features of" not in capsys.readouterr().err, "it is told before anything is computed"


def test_the_job_depends_on_the_faces_of_the_mean_and_on_who_is_tested(at: Layout, project: Path) -> None:
    by_name = {job.names: job for job in jobs(study(("tiny", "more")), project) if job.stage == "train"}
    faces = at.faces("tiny"), at.split("tiny"), at.split("more")
    assert by_name[("frozen",)].inputs == ()
    assert by_name[("frozen-centred",)].inputs == faces
    assert by_name[("lora-centred",)].inputs == faces


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"split": {"tiny": {"kind": "sitters", "test": 1.0, "folds": 5}}}, r"set crossval: true .*fuse: \{m-centred"),
        ({"train": {}}, r"train_on is empty: name the data sets whose train sitters give the mean"),
        ({"train": {"train_on": ["tinny"]}}, r"did you mean 'tiny'"),
    ],
)
def test_a_mean_of_nobody_is_refused_before_any_work(changes: dict[str, Any], message: str) -> None:
    raw = copy.deepcopy(STUDY) | changes
    raw["split"] = STUDY["split"] | raw["split"]
    raw["models"] = {"m": STUDY["models"]["frozen"] | {"centre": True}}
    with pytest.raises(SitterError, match=message):
        check(raw)
