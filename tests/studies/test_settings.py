"""The studies say what their authors did, setting by setting, as the tables beside this file have it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, reduce
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline import params
from pipeline.reporting.published import tables
from tests.studies.conftest import PROJECT

# Settings of a training that change nothing of what comes of it, and those that only another sampler or another `keep`
# looks at.
WITHOUT_EFFECT = {"workers", "checkpoint_seconds", "cache_gb", "compile", "shard_centres"}
OF_SITTERS, OF_BATCHES = {"sitters", "images"}, {"batch"}
OF_EER = {"val_images"}
PAPERS = ["arcface-vs-infonce", "artface"]


@cache
def table(paper: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(
        (Path(__file__).parent / f"settings/{paper}.yaml").read_text(encoding="utf-8")
    )
    return found


@cache
def study(paper: str) -> params.Study:
    return params.load(PROJECT / f"studies/{paper}.yaml")


@cache
def text(paper: str) -> str:
    return (PROJECT / f"studies/{paper}.yaml").read_text(encoding="utf-8")


EXPERIMENTS = [(paper, name) for paper in PAPERS for name in table(paper)["experiments"]]


@pytest.mark.parametrize(("paper", "name"), EXPERIMENTS)
def test_a_model_has_every_setting_of_the_table_and_none_besides(paper: str, name: str) -> None:
    expected = table(paper)["experiments"][name]
    model, training = study(paper).models[name], study(paper).training(name)
    assert not model.mirror
    assert not model.centre
    for part in ("backbone", "adaptation", "loss"):
        assert getattr(model, part).model_dump(mode="json") == expected[part], part
    if "training" not in expected:
        assert model.adaptation.kind == "none"
        return
    idle = set(WITHOUT_EFFECT)
    idle |= OF_BATCHES if training.sampler == "sitters" else OF_SITTERS
    idle |= OF_EER if training.keep != "val-eer" else set()
    found = {field: value for field, value in training.model_dump(mode="json").items() if field not in idle}
    assert found == table(paper)["every_training"] | expected["training"]


@pytest.mark.parametrize("paper", PAPERS)
def test_data_detection_and_benchmarks_are_those_of_the_table(paper: str) -> None:
    for where, expected in table(paper)["study"].items():
        found = reduce(_part, where.split("."), study(paper))
        found = found.model_dump(mode="json") if hasattr(found, "model_dump") else found
        if isinstance(expected, Mapping) and isinstance(found, Mapping) and where.startswith(("align.", "evaluate.")):
            found = {field: found[field] for field in expected}
        assert (list(found) if isinstance(found, tuple) else found) == expected, where


def _part(section: Any, name: str) -> Any:
    return section[name] if isinstance(section, Mapping) else getattr(section, name)


@pytest.mark.parametrize("name", table("arcface-vs-infonce")["experiments"])
def test_each_experiment_names_the_file_of_the_authors_where_its_settings_stand(name: str) -> None:
    assert re.search(rf"^  {name}:.* # .*configs/[\w-]+\.yaml", text("arcface-vs-infonce"), re.MULTILINE)


CHOSEN = [(section, field) for section, fields in table("artface")["chosen"].items() for field in fields]


@pytest.mark.parametrize(("section", "field"), CHOSEN)
def test_what_the_first_study_s_paper_does_not_say_is_marked_where_it_stands(section: str, field: str) -> None:
    lines = text("artface").splitlines()
    for depth, name in enumerate([*section.split("."), field]):
        found = next((n for n, line in enumerate(lines) if line.startswith(f"{'  ' * depth}{name}:")), None)
        assert found is not None, f"{name} does not stand in {section}"
        line, lines = lines[found], lines[found + 1 :]
    assert re.search(r"# .*\bchosen\b", line), line


def test_what_is_marked_as_chosen_is_in_the_table() -> None:
    marked = re.findall(r"^ +([\w-]+):.* # .*\bchosen\b", text("artface"), re.MULTILINE)
    assert sorted(marked) == sorted(field for _, field in CHOSEN)


def test_every_row_of_the_second_study_s_table_is_an_experiment() -> None:
    assert set(tables()["lfw"].rows) == set(table("arcface-vs-infonce")["experiments"])


def test_every_trained_or_frozen_row_of_the_first_study_s_table_is_a_model_or_a_fusion() -> None:
    rows = set(tables()["historical-faces"].rows) - {"cots"}
    assert rows == table("artface")["experiments"].keys() | table("artface")["fusions"].keys()
    for name, expected in table("artface")["fusions"].items():
        assert study("artface").fuse[name].model_dump(mode="json", include=expected.keys()) == expected
