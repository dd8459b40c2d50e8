"""Fuse: the models' vectors of the same image, fitted on the sitters that may be learned from."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pipeline.core.errors import SitterError
from pipeline.core.files import output_folder, write_csv
from pipeline.core.layout import Layout
from pipeline.fusions.fused import load_fusion
from pipeline.params import check
from pipeline.scoring.score_norm import normalised
from pipeline.stages import fuse
from pipeline.store.embeddings import normalise, read_embeddings, write_embeddings
from pipeline.store.scores import read_scores

DATASETS = ("photos", "paintings")
SUBSET = {f"s{i}": ["train", "val", "test"][i % 3] for i in range(12)}
SITTERS = [s for s in SUBSET for _ in range(4)]
IDS = [f"{s}/{i}" for i, s in enumerate(SITTERS)]
NOISE = {"good": 1.2, "bad": 10.0}


def vectors(model, dataset):
    rng = np.random.default_rng([len(model), len(dataset)])
    people = np.repeat(np.random.default_rng(5).normal(size=(12, 16)), 4, axis=0)
    return (people + NOISE[model] * rng.normal(size=people.shape) + 2).astype(np.float32)


def study(method="weighted", fit_on=("paintings",), centre=True, cohort=None):
    frozen = {"backbone": {"kind": "iresnet"}, "adaptation": {"kind": "none"}, "loss": {"kind": "none"}}
    return check(
        {
            "seed": 1,
            "train": {},
            "download": {d: {"kind": "folder", "path": d} for d in DATASETS},
            "align": {d: {"detectors": [{"kind": "aligned"}]} for d in DATASETS},
            "split": {d: {"kind": "sitters", "test": 0.5} for d in DATASETS},
            "models": {"good": frozen, "bad": frozen},
            "embed": {"datasets": list(DATASETS), "batch": 8},
            "fuse": {
                "both": {
                    "models": ["good", "bad"],
                    "method": {"kind": method} if isinstance(method, str) else method,
                    "fit_on": fit_on,
                    "centre": centre,
                    "score_norm": cohort and {"cohort": cohort},
                }
            },
            "evaluate": {"benchmarks": {"all": {"kind": "all-pairs", "probe": "photos"}}},
        }
    )


def put(at, model, dataset, ids=IDS, values=None):
    with output_folder(at.embeddings(model, dataset)) as folder:
        write_embeddings(folder, ids, vectors(model, dataset) if values is None else values)


def put_split(at, subset, datasets=DATASETS, spelled=str):
    for dataset in datasets:
        rows = [{"image_id": i, "sitter": spelled(s), "subset": subset[s]} for i, s in zip(IDS, SITTERS, strict=True)]
        with output_folder(at.split(dataset)) as folder:
            write_csv(folder / "split.csv", rows, ["image_id", "sitter", "subset", "fold", "origin"])


@pytest.fixture
def at(tmp_path):
    """A project with the split and the embeddings of both data sets."""
    at = Layout(tmp_path)
    for dataset in DATASETS:
        for model in NOISE:
            put(at, model, dataset)
    put_split(at, SUBSET)
    return at


def centred(model, dataset):
    """By the formula: unit vectors minus the mean of those of the train paintings, scaled to length 1."""
    train = [SUBSET[s] == "train" for s in SITTERS]
    return normalise(normalise(vectors(model, dataset)) - normalise(vectors(model, "paintings"))[train].mean(0))


@pytest.mark.parametrize("dataset", DATASETS)
def test_concat_is_centred_on_the_train_sitters_of_fit_on(dataset, at):
    fuse.run(study("concat"), "both", at.root)
    expected = normalise(np.hstack([centred("good", dataset), centred("bad", dataset)]))
    found = read_embeddings("both", dataset, at)
    assert found.image_ids == IDS
    np.testing.assert_allclose(found.vectors, expected, atol=1e-6)


def test_with_a_cohort_there_are_scores_of_all_test_images_of_every_two_data_sets(at):
    fuse.run(study("concat", cohort=5), "both", at.root)
    units = {d: normalise(np.hstack([centred("good", d), centred("bad", d)])) for d in DATASETS}
    subset = np.array([SUBSET[s] for s in SITTERS])
    test, ids = subset == "test", [i for i, word in zip(IDS, subset, strict=True) if word == "test"]
    cohort = units["paintings"][subset != "test"]
    found = read_scores("both", "photos", at)
    expected = normalised(units["photos"][test], units["paintings"][test], cohort, 5)
    np.testing.assert_allclose(found.matrix(ids, "paintings", ids), expected, atol=1e-4)
    upper = np.triu_indices(len(ids), 1)
    for dataset in DATASETS:
        expected = normalised(units[dataset][test], units[dataset][test], cohort, 5)
        np.testing.assert_allclose(
            read_scores("both", dataset, at).matrix(ids, dataset, ids)[upper], expected[upper], atol=1e-4
        )


@pytest.mark.parametrize("method", ["concat", "wccn", "plda", "score"])
def test_sitters_who_are_tested_in_another_data_set_have_no_say(method, at, caplog):
    """Of the paintings' eight train and val sitters, two train ones and a val one are tested in photos."""
    elsewhere = SUBSET | {"s0": "test", "s3": "test", "s4": "test"}
    put_split(at, elsewhere, ["photos"], str.upper)
    with caplog.at_level("INFO"):
        fuse.run(study(method, cohort=5), "both", at.root)
    assert "both is not fitted on 3 sitters of paintings, who are tested in another data set: s0, s3, s4" in caplog.text
    fitted = json.loads((at.model("both") / "model.json").read_text())["fitted"]
    assert fitted == {"train": {"images": 8, "sitters": 2}, "val": {"images": 12, "sitters": 3}}
    before = {path: path.read_bytes() for path in at.embeddings("both", "photos").parent.rglob("*.arrow")}
    own = np.array([elsewhere[s] == "test" != SUBSET[s] for s in SITTERS])[:, None]
    for model in NOISE:  # in the paintings these faces are neither fitted on nor tested
        values = vectors(model, "paintings")
        put(at, model, "paintings", values=np.where(own, -values, values).astype(np.float32))
    fuse.run(study(method, cohort=5), "both", at.root)
    assert before == {path: path.read_bytes() for path in before}
    assert before


def test_weighted_says_its_weights_and_applies_them(at):
    fuse.run(study("weighted"), "both", at.root)
    description = json.loads((at.model("both") / "model.json").read_text())
    weights = description["weights"]
    assert weights["good"] > 0.6
    assert sum(weights.values()) == pytest.approx(1)
    assert description["fitted"] == {"train": {"images": 16, "sitters": 4}, "val": {"images": 16, "sitters": 4}}
    found = read_embeddings("both", "photos", at).vectors
    expected = sum(w * centred(m, "photos") @ centred(m, "photos").T for m, w in weights.items())
    np.testing.assert_allclose(found @ found.T, expected, atol=1e-5)


LEARNED = ["score", {"kind": "gated", "epochs": 2}, {"kind": "attention", "epochs": 2}]


@pytest.mark.parametrize("method", ["concat", "wccn", "plda", "weighted", *LEARNED], ids=str)
@pytest.mark.parametrize("centre", [True, False])
def test_a_fusion_read_back_gives_the_same_vectors(method, centre, at):
    fuse.run(study(method, centre=centre), "both", at.root)
    fusion = load_fusion("both", at)
    again = fusion.apply([read_embeddings(m, "photos", at).vectors for m in fusion.models])
    assert np.array_equal(again, read_embeddings("both", "photos", at).vectors)


@pytest.mark.parametrize("method", ["wccn", "plda", "weighted", *LEARNED], ids=str)
def test_test_sitters_have_no_say(method, at):
    fuse.run(study(method), "both", at.root)
    before = (at.model("both") / "weights.safetensors").read_bytes()
    test = np.array([SUBSET[s] == "test" for s in SITTERS])[:, None]
    for model in NOISE:
        put(at, model, "paintings", values=np.where(test, 1, vectors(model, "paintings")).astype(np.float32))
    fuse.run(study(method), "both", at.root)
    assert (at.model("both") / "weights.safetensors").read_bytes() == before


def test_rows_are_matched_by_image_not_by_place(at):
    fuse.run(study(), "both", at.root)
    before = read_embeddings("both", "photos", at).vectors
    order = np.random.default_rng(6).permutation(len(IDS))
    for dataset in DATASETS:
        put(at, "bad", dataset, [IDS[i] for i in order], vectors("bad", dataset)[order])
    fuse.run(study(), "both", at.root)
    assert np.array_equal(read_embeddings("both", "photos", at).vectors, before)


def test_plain_concatenation_needs_no_data_to_fit_on(at):
    fuse.run(study("concat", (), centre=False), "both", at.root)
    expected = normalise(np.hstack([normalise(vectors(m, "photos")) for m in NOISE]))
    np.testing.assert_allclose(read_embeddings("both", "photos", at).vectors, expected, atol=1e-6)
    assert not (at.model("both") / "weights.safetensors").exists()


def test_models_embedded_from_other_images_are_refused(at):
    put(at, "bad", "photos", IDS[:-1], vectors("bad", "photos")[:-1])
    with pytest.raises(SitterError, match=r"embeddings/bad/photos .*47 and 48; s11/47 only in one.*Run embed for bad"):
        fuse.run(study(), "both", at.root)
    assert not at.model("both").exists()


def test_an_image_of_the_split_without_a_vector_is_named(at):
    for model in NOISE:
        put(at, model, "paintings", IDS[1:], vectors(model, "paintings")[1:])
    with pytest.raises(SitterError, match=r"embeddings/good/paintings has no vector for 1 of 32 images.*'s0/0'"):
        fuse.run(study(), "both", at.root)


def test_what_there_is_too_little_of_is_named(at):
    put_split(at, dict.fromkeys(SUBSET, "test"))
    with pytest.raises(SitterError, match=r"fuse.both.centre needs the mean of training faces, but paintings gives"):
        fuse.run(study(), "both", at.root)
    put_split(at, {s: "train" if w == "val" else w for s, w in SUBSET.items()})
    with pytest.raises(SitterError, match=r"fuse.both: weighted learns from val sitters, but paintings has none"):
        fuse.run(study(), "both", at.root)


@pytest.mark.parametrize("method", LEARNED, ids=str)
def test_learned_fusions_say_what_they_gain_on_val_sitters_and_want_both_subsets(method, capsys, at):
    fuse.run(study(method), "both", at.root)
    description = json.loads((at.model("both") / "model.json").read_text())
    assert 0 <= description["val_cllr"] <= description["val_cllr_equal"] + 1e-6
    assert f"Cllr on val sitters {description['val_cllr']:.3f} (" in capsys.readouterr().err
    put_split(at, {s: "test" if w == "train" else w for s, w in SUBSET.items()})
    kind = method if isinstance(method, str) else method["kind"]
    with pytest.raises(SitterError, match=rf"fuse.both: {kind} learns from train sitters, but paintings has none"):
        fuse.run(study(method, centre=False), "both", at.root)


def test_missing_embeddings_are_named(at):
    import shutil

    shutil.rmtree(at.embeddings("bad", "photos"))
    with pytest.raises(SitterError, match=r"embeddings/bad/photos/embeddings.arrow does not exist: run embed"):
        fuse.run(study(), "both", at.root)
