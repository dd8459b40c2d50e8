"""A recipe holds the values that count for one model."""

from __future__ import annotations

import copy

from pipeline.params import Study, check
from pipeline.params.recipe import recipe_of
from tests.training.study import STUDY


def study(centre: bool) -> Study:
    """A study with two data sets that are split by themselves, and one that is split like the first."""
    raw = copy.deepcopy(STUDY)
    raw["download"]["painted"] = raw["download"]["tiny"]
    raw["align"]["painted"] = raw["align"]["tiny"]
    raw["split"]["painted"] = {"kind": "like", "dataset": "tiny"}
    raw["embed"]["datasets"] = ["tiny", "painted", "more"]
    raw["models"]["head"] |= {"centre": centre, "training": {"epochs": 7, "seed": 11}}
    return check(raw)


def test_a_model_has_the_shared_settings_and_its_own() -> None:
    recipe = recipe_of(study(centre=False), "head")
    assert (recipe.training.epochs, recipe.training.sitters) == (7, STUDY["train"]["sitters"])
    assert (recipe.seed, recipe.study_seed) == (11, STUDY["seed"])
    assert recipe.is_trained


def test_a_model_without_a_seed_has_the_study_s_and_a_frozen_one_is_not_trained() -> None:
    recipe = recipe_of(study(centre=False), "frozen")
    assert recipe.seed == STUDY["seed"]
    assert not recipe.is_trained


def test_a_centred_model_knows_which_data_sets_test_sitters_whom_its_own_split_does_not_keep_apart() -> None:
    assert recipe_of(study(centre=True), "head").tested_in == {"tiny": ["more"]}
    assert recipe_of(study(centre=False), "head").tested_in == {}
