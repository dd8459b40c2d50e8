"""One entry that makes a model for each value of a field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline import params
from pipeline.core.errors import SitterError
from pipeline.plan.jobs import Job
from pipeline.plan.stages import jobs
from tests.demo import demo

PROJECT = Path(__file__).parents[1]


def study(sweep: Any, name: str = "lora", **further: Any) -> params.Study:
    """The demo with one more entry: its LoRA of dlib, swept."""
    raw = demo()
    raw["models"] = {**raw["models"], name: {**raw["models"]["dlib-lora"], "sweep": sweep}, **further}
    return params.check(raw)


def trainings(a_study: params.Study) -> dict[str, Job]:
    return {job.name: job for job in jobs(a_study) if job.stage == "train"}


def test_a_model_for_each_value():
    made = study({"adaptation.rank": [4, 16]})
    ranks = {name: model.adaptation.rank for name, model in made.models.items() if name.startswith("lora-")}
    assert ranks == {"lora-rank-4": 4, "lora-rank-16": 16}
    assert "lora" not in made.models
    assert made.swept("lora-rank-4").values == {"adaptation.rank": 4}
    assert made.swept("dlib") is None


def test_a_model_for_each_combination_also_of_what_training_changes():
    made = study({"loss.temperature": [0.07, 0.5], "training.lr": [1e-5]})
    assert [name for name in made.models if name.startswith("lora-")] == [
        "lora-temperature-0_07-lr-1e-05",
        "lora-temperature-0_5-lr-1e-05",
    ]
    assert made.training("lora-temperature-0_5-lr-1e-05").lr == 1e-5
    assert made.training("lora-temperature-0_5-lr-1e-05").epochs == 6, "the entry's own"


def test_another_value_leaves_the_models_there_are_alone():
    """Their parameters are those of the entry without the list, and their names hold the value."""
    few, more = trainings(study({"adaptation.rank": [4]})), trainings(study({"adaptation.rank": [4, 8]}))
    assert few["lora-rank-4"] == more["lora-rank-4"]
    assert "models.lora.adaptation" in few["lora-rank-4"].parameters
    assert not any("sweep" in key for key in few["lora-rank-4"].parameters)


def test_a_sweep_is_fused_embedded_and_judged_like_any_model():
    made = study({"adaptation.rank": [4, 8]})
    embedded = {job.names for job in jobs(made) if job.stage == "embed"}
    assert {("lora-rank-8", "orl"), ("lora-rank-8", "orl-painted")} < embedded


def over_seeds(seeds: list[int], **sweeps: dict[str, Any]) -> params.Study:
    """The demo with its trained models repeated; `sweeps` replaces the sweep of a model."""
    raw = demo()
    del raw["explain"], raw["identify"]
    for name in ("dlib-head", "dlib-lora", "effnet-lora"):
        raw["models"][name]["sweep"] = sweeps.get(name.replace("-", "_"), {"training.seed": seeds})
    return params.check(raw)


def test_a_sweep_over_seeds_repeats_a_training_on_the_same_data():
    made, once = over_seeds([1, 2]), params.load(PROJECT / "params.yaml")
    assert [made.seed_of(f"dlib-head-seed-{seed}") for seed in (1, 2)] == [1, 2]
    assert made.seed_of("dlib") == made.seed == once.seed_of("dlib-head")
    data = [[job for job in jobs(s) if job.stage in {"render", "align", "split"}] for s in (made, once)]
    assert data[0] == data[1]
    more = trainings(over_seeds([1, 2, 3]))
    assert trainings(made)["dlib-lora-seed-2"] == more["dlib-lora-seed-2"], "another seed leaves those there are alone"


def test_a_fusion_of_repeated_models_is_repeated_with_them():
    made = over_seeds([1, 2])
    assert made.fuse["concat-dlib-head-seed-2"].models == ("dlib", "dlib-head-seed-2")
    assert made.fuse["weighted-four-seed-1"].models == (
        "dlib", "dlib-head-seed-1", "dlib-lora-seed-1", "effnet-lora-seed-1",
    )  # fmt: skip
    assert "weighted-four" not in made.fuse
    assert made.swept("weighted-four-seed-2").entry == "weighted-four"
    assert made.seed_of("weighted-four-seed-2") == 2
    fusions = {job.name: job for job in jobs(made) if job.stage == "fuse"}
    raw = demo()
    for key in fusions["weighted-four-seed-2"].parameters:
        here = raw
        for part in key.split("."):
            here = here[part]  # the key stands in the file, as the two engines need it


def test_a_fusion_of_a_repeated_fusion_is_repeated_too():
    raw = demo()
    raw["models"]["dlib-head"]["sweep"] = {"training.seed": [1, 2]}
    raw["fuse"] = {
        "one": {"models": ["dlib", "dlib-head"], "method": {"kind": "concat"}, "centre": False},
        "two": {"models": ["one", "effnet"], "method": {"kind": "concat"}, "centre": False},
    }
    del raw["explain"], raw["identify"]
    made = params.check(raw)
    assert made.fuse["two-seed-2"].models == ("one-seed-2", "effnet")


def test_each_seed_of_a_cross_validated_model_has_its_folds_put_together():
    raw = demo()
    raw["split"]["orl"] = {"kind": "sitters", "test": 1, "folds": 3}
    raw["models"] = {
        "dlib": raw["models"]["dlib"],
        "head": raw["models"]["dlib-head"] | {"sweep": {"training.fold": [0, 1, 2], "training.seed": [4, 5]}},
    }
    raw["fuse"] = {"head-cv": {"models": ["head"], "method": {"kind": "folds"}}}
    raw["evaluate"]["benchmarks"] = {"all": {"kind": "all-pairs", "probe": "orl-painted", "within_folds": True}}
    del raw["explain"], raw["overlap"], raw["identify"]
    made = params.check(raw)
    assert made.fuse["head-cv-seed-5"].models == tuple(f"head-fold-{fold}-seed-5" for fold in range(3))


def test_models_of_different_seeds_are_not_fused():
    with pytest.raises(SitterError, match=r"needs models of the same seeds; found: dlib-head \[1, 2\]"):
        over_seeds([1, 2], effnet_lora={"training.seed": [1, 3]})


def test_a_fusion_of_a_model_that_is_swept_over_more_than_seeds_is_refused():
    with pytest.raises(SitterError, match="'effnet-lora', which is no model"):
        over_seeds([1, 2], effnet_lora={"training.seed": [1, 2], "adaptation.rank": [4, 8]})


def test_the_name_of_a_repeated_fusion_that_is_taken():
    raw = demo()
    raw["models"]["dlib-head"]["sweep"] = {"training.seed": [1]}
    raw["fuse"] = {"a": {"models": ["dlib", "dlib-head"], "method": {"kind": "concat"}}, "a-seed-1": {}}
    with pytest.raises(SitterError, match="a makes a-seed-1 twice: rename"):
        params.check(raw)


@pytest.mark.parametrize(
    ("sweep", "words"),
    [
        ({}, "models.lora.sweep is {}; write a field and its values"),
        ({"adaptation.rank": 4}, "models.lora.sweep.adaptation.rank is 4; write the values in a list"),
        ({"adaptation.rank": []}, r"models.lora.sweep.adaptation.rank is \[\]; write the values in a list"),
        ({"adaptation.rnak": [4]}, "models.lora-rnak-4.adaptation: unknown field 'rnak'; did you mean 'rank'"),
        ({"losss.margin": [1]}, "the entry has no section 'losss'; it has backbone, adaptation, loss, training"),
        ({"adaptation.rank": [4, 4]}, "models.lora.sweep makes lora-rank-4 twice"),
        ({"training.epochs": [0]}, "models.lora-epochs-0.training.epochs is 0"),
    ],
)
def test_mistakes(sweep, words):
    with pytest.raises(SitterError, match=words):
        study(sweep)


def test_a_name_that_is_taken():
    with pytest.raises(SitterError, match="makes lora-rank-4 twice: rename"):
        study({"adaptation.rank": [4]}, **{"lora-rank-4": {"backbone": {}, "adaptation": {}, "loss": {}}})


def test_a_fusion_names_a_member_and_not_the_sweep():
    raw = demo()
    raw["models"]["dlib-lora"]["sweep"] = {"adaptation.rank": [4]}
    with pytest.raises(SitterError, match="'dlib-lora', which is no model"):
        params.check(raw)


def cross_validated(**changes: Any) -> params.Study:
    """The demo, its data in four folds, with one cross-validated model."""
    raw = demo()
    raw["split"] = {name: {"kind": "sitters", "test": 1.0, "folds": 4} for name in raw["split"]}
    models = {"dlib": raw["models"]["dlib"], "head": {**raw["models"]["dlib-head"], "crossval": True, **changes}}
    raw = {key: value for key, value in raw.items() if key not in ("overlap", "explain", "identify", "fuse")}
    paintings = {"kind": "all-pairs", "probe": "orl-painted", "within_folds": True}
    return params.check({**raw, "models": models, "evaluate": {"benchmarks": {"paintings": paintings}}})


def test_a_cross_validated_model_is_a_training_for_each_fold_under_one_name():
    made = cross_validated()
    assert [made.training(f"head-fold-{fold}").fold for fold in range(4)] == [0, 1, 2, 3]
    assert made.fuse["head"].models == tuple(f"head-fold-{fold}" for fold in range(4))
    assert made.judged == ["dlib", "head"]
    joined = next(job for job in jobs(made) if job.stage == "fuse")
    assert "models.head" in joined.parameters, "what params.yaml has of it"
    assert trainings(made).keys() >= {"head-fold-0", "head-fold-3"}


def test_a_cross_validated_model_can_be_repeated_with_seeds():
    made = cross_validated(sweep={"training.seed": [1, 2]})
    assert made.judged == ["dlib", "head-seed-1", "head-seed-2"]
    assert made.seed_of("head-seed-2") == 2
    assert {made.training(part).seed for part in made.fuse["head-seed-2"].models} == {2}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"crossval": "yes"}, r"models.head.crossval is 'yes'; allowed: true, false"),
        ({"sweep": {"training.fold": [0, 1]}}, r"models.head.sweep must not sweep training.fold"),
        (
            {"training": {"train_on": ["nothing"]}},
            r"none of the data sets that it learns from \(nothing\) is split",
        ),
    ],
)
def test_a_cross_validation_that_cannot_be_is_refused(changes, said):
    with pytest.raises(SitterError, match=said):
        cross_validated(**changes)


@pytest.mark.parametrize(("old", "new"), [("by_folds", "crossval"), ("cohort", r"score_norm: \{cohort: 100\}")])
def test_a_fusion_s_old_fields_are_told_their_new_names(old: str, new: str):
    raw = demo()
    next(iter(raw["fuse"].values()))[old] = True
    with pytest.raises(SitterError, match=rf"field '{old}' is called '{new}' now"):
        params.check(raw)
