"""Which sort of system each entry of a study is."""

from __future__ import annotations

from pathlib import Path

from pipeline import params

STUDIES = Path(__file__).parents[2] / "studies"


def test_a_cross_validated_model_is_a_trained_model_and_not_a_fusion() -> None:
    study = params.load(STUDIES / "portraits-in-folds.yaml")
    sorts = {name: study.systems[name].sort for name in study.judged}
    assert {name for name, sort in sorts.items() if sort == "frozen"} == {"dlib", "features"}
    assert {name for name, sort in sorts.items() if sort == "trained"} == {"head", "lora", "lora-painted"}
    assert sorts["concat"] == sorts["whitened"] == "fusion"


def test_folds_of_a_frozen_model_only_centre_it_and_so_are_a_fusion() -> None:
    raw = params.read(STUDIES / "portraits-in-folds.yaml")
    raw["fuse"]["centred"] = {"models": ["dlib"], "method": {"kind": "folds"}}
    assert params.check(raw).systems["centred"].sort == "fusion"
