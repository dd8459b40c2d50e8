"""Fusions fitted fold by fold: on the other folds' sitters, by the models that have left out the fold."""

from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors.numpy import load_file

from pipeline.core.errors import SitterError
from pipeline.core.files import output_folder
from pipeline.fusions.fused import load_fusion
from pipeline.fusions.wccn import WithinClass
from pipeline.params.fusions.wccn import WithinClassOptions
from pipeline.plan.stages import jobs
from pipeline.scoring.score_norm import normalised
from pipeline.stages import fuse
from pipeline.store.embeddings import normalise, read_embeddings, write_embeddings
from pipeline.store.scores import read_scores
from tests.fusions.test_folds import FOLDS, IMAGES, embedded, fold_of, study

__all__ = ["embedded"]
HEAD = {"models": ["head"], "method": {"kind": "folds"}}
CROSSED = {"models": ["base", "head-cv"], "fit_on": ["faces"], "crossval": True}
SITTERS = [f"s{i // 3}" for i in range(IMAGES)]


def with_fusion(**fusion):
    return study(fuse={"head-cv": HEAD, "both": CROSSED | fusion})


def by_hand(embedded, kind, fold):
    """Vectors of all images by what a fusion, fitted without a fold, makes of them, of each model centred first."""
    others = [i for i in range(IMAGES) if fold_of(i) != fold]
    train = [i for i in others if fold_of(i) != (fold + 1) % FOLDS]
    units = [normalise(embedded[name]) for name in ("base", f"head-fold-{fold}")]
    units = [normalise(u - u[train].mean(0)) for u in units]
    kind.fit([u[others] for u in units], [SITTERS[i] for i in others], ["train"] * len(others), 1)
    return kind.apply(units)


@pytest.mark.parametrize("fold", range(FOLDS))
def test_each_fold_is_fused_by_what_was_fitted_to_the_others(embedded, at, fold):
    fuse.run(with_fusion(method={"kind": "wccn"}), "both", at.root)
    found = read_embeddings("both", "faces", at)
    own = [i for i in range(IMAGES) if fold_of(i) == fold]
    expected = by_hand(embedded, WithinClass(WithinClassOptions()), fold)[own]
    np.testing.assert_allclose(found.select([f"i{i}" for i in own]), expected, atol=1e-5)
    assert len(found.image_ids) == IMAGES


def test_scores_are_measured_by_the_images_of_the_other_folds(embedded, at):
    fuse.run(with_fusion(method={"kind": "wccn"}, score_norm={"cohort": 4}), "both", at.root)
    found = read_scores("both", "faces", at)
    for fold in range(FOLDS):
        units = by_hand(embedded, WithinClass(WithinClassOptions()), fold)
        own = [i for i in range(IMAGES) if fold_of(i) == fold]
        strangers = units[[i for i in range(IMAGES) if fold_of(i) != fold]]
        expected = normalised(units[own], units[own], strangers, 4)
        ids = [f"i{i}" for i in own]
        given = found.matrix(ids, "faces", ids)
        upper = np.triu_indices(len(own), 1)
        np.testing.assert_allclose(given[upper], expected[upper], atol=1e-4)
    assert found.table.num_rows == sum(n * (n - 1) // 2 for n in np.bincount([fold_of(i) for i in range(IMAGES)]))


@pytest.mark.parametrize("method", ["concat", "wccn", "score", "weighted"])
def test_the_tested_folds_own_images_have_no_say(embedded, at, method):
    def learned():
        fuse.run(with_fusion(method={"kind": method}), "both", at.root)
        state = load_file(at.model("both") / "weights.safetensors")
        return {key: value.tobytes() for key, value in state.items()}

    before = learned()
    assert {key.partition(".")[0] for key in before} == {"fold-0", "fold-1", "fold-2"}
    for model in ("base", "head-fold-1"):
        others = np.array([fold_of(i) != 1 for i in range(IMAGES)])[:, None]
        changed = np.where(others, embedded[model], 1 - embedded[model]).astype(np.float32)
        with output_folder(at.embeddings(model, "faces")) as folder:
            write_embeddings(folder, [f"i{i}" for i in range(IMAGES)], changed)
    after = learned()
    same = [all(after[k] == v for k, v in before.items() if k.startswith(f"fold-{fold}.")) for fold in range(FOLDS)]
    assert (same[1], same[2]) == (True, False), "fold 1 is what fold 2's fusion is trained on"


def test_learned_weights_are_told_for_each_fold_and_on_average(embedded, at, capsys):
    fuse.run(with_fusion(method={"kind": "score"}), "both", at.root)
    record = json.loads((at.model("both") / "model.json").read_text())
    assert [fold["fitted"]["val"]["sitters"] for fold in record["folds"]] == [3, 2, 3]
    for name, weight in record["weights"].items():
        assert weight == pytest.approx(np.mean([fold["weights"][name] for fold in record["folds"]]), abs=1e-6)
    assert f"mean weights base {record['weights']['base']:.2f}" in capsys.readouterr().err
    with pytest.raises(SitterError, match="both was fitted fold by fold"):
        load_fusion("both", at)


def test_it_depends_on_the_models_of_all_folds_and_on_the_split():
    (job,) = (j for j in jobs(with_fusion(method={"kind": "concat"})) if j.names == ("both",))
    members = {f"embeddings/{m}/faces" for m in ("base", *(f"head-fold-{f}" for f in range(FOLDS)))}
    assert {p.as_posix() for p in job.inputs} == members | {"data/splits/faces"}


def test_mistakes_are_told_before_any_work():
    with pytest.raises(SitterError, match=r"'both', but with crossval it takes frozen and cross-validated models"):
        study(fuse={"head-cv": HEAD, "both": CROSSED | {"method": {"kind": "concat"}},
                    "again": CROSSED | {"models": ["base", "both"], "method": {"kind": "concat"}}})  # fmt: skip
    with pytest.raises(SitterError, match=r"fuse.both.models is 'head-fold-1', but with crossval"):
        with_fusion(models=["base", "head-fold-1"], method={"kind": "concat"})
    with pytest.raises(SitterError, match=r"within_folds: true \(all-pairs, identification\)"):
        study(fuse={"head-cv": HEAD, "both": CROSSED | {"method": {"kind": "concat"}}},
              evaluate={"benchmarks": {"all": {"kind": "all-pairs", "probe": "faces"}}})  # fmt: skip
    with pytest.raises(SitterError, match=r"'scored', which gives scores and no vectors"):
        study(fuse={"scored": CROSSED | {"models": ["base"], "method": {"kind": "concat"}, "score_norm": {"cohort": 9}},
                    "both": {"models": ["base", "scored"], "method": {"kind": "concat"}, "centre": False}})  # fmt: skip
    with pytest.raises(SitterError, match=r"fuse.both.score_norm needs fit_on"):
        with_fusion(method={"kind": "concat"}, score_norm={"cohort": 9}, fit_on=[], centre=False)
    for split in ({"kind": "sitters", "test": 0.5}, {"kind": "images", "test": 1}):
        with pytest.raises(SitterError, match=r"fuse.both: it is for data sets .* which faces is not"):
            study(fuse={"both": CROSSED | {"models": ["base"], "method": {"kind": "wccn"}}}, split={"faces": split})
    with pytest.raises(SitterError, match=r"fuse.head-cv: crossval and score_norm are for the fusion of"):
        study(fuse={"head-cv": HEAD | {"score_norm": {"cohort": 5}}})


def test_two_folds_are_too_few(embedded, at):
    table = at.split("faces") / "split.csv"
    table.write_text(table.read_text().replace("test,2", "test,1"))
    with pytest.raises(SitterError, match=r"fuse\.both\.crossval: faces has 2 folds"):
        fuse.run(with_fusion(models=["base"], method={"kind": "wccn"}), "both", at.root)
