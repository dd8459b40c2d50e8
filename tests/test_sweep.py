"""One entry that makes a model for each value of a field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline import graph, params
from pipeline.errors import SitterError

PROJECT = Path(__file__).parents[1]


def study(sweep: Any, name: str = "lora", **further: Any) -> params.Study:
    """The demo with one more entry: its LoRA of dlib, swept."""
    raw = yaml.safe_load((PROJECT / "params.yaml").read_text())
    raw["models"] = {**raw["models"], name: {**raw["models"]["dlib-lora"], "sweep": sweep}, **further}
    return params.check(raw)


def trainings(a_study: params.Study) -> dict[str, graph.Job]:
    return {job.name: job for job in graph.jobs(a_study) if job.stage == "train"}


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
    embedded = {job.names for job in graph.jobs(made) if job.stage == "embed"}
    assert {("lora-rank-8", "orl"), ("lora-rank-8", "orl-painted")} < embedded


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
    raw = yaml.safe_load((PROJECT / "params.yaml").read_text())
    raw["models"]["dlib-lora"]["sweep"] = {"adaptation.rank": [4]}
    with pytest.raises(SitterError, match="'dlib-lora', which is no model"):
        params.check(raw)
