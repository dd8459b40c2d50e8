"""A value that is not allowed is told in words for whoever writes a study, not in those of the library that checks."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import params
from pipeline.core.errors import SitterError

PROJECT = Path(__file__).parents[2]
DEMO = yaml.safe_load((PROJECT / "params.yaml").read_text(encoding="utf-8"))
PACKAGE = {"kind": "package", "name": "x", "version": "1", "sha256": "0" * 64, "member": "x", "contents": "file"}
LIBRARY = re.compile(
    r"discriminator|dictionary|extract fields|[Ii]nput should|valid (string|integer|number|list|boolean|tuple)|"
    r"unable to|parsing|tag |pydantic|NoneType|Traceback|instance of"
)
VALUES = st.sampled_from(
    [None, True, False, 0, -1, 3.5, 10**30, "", "x", "A b", [], ["x"], [1], {}, {"kind": "x"}, {"x": 1}]
)


def places(tree: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every field of a study, and every entry of its lists."""
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [p for key, value in inner for p in ((*above, key), *places(value, (*above, key)))]


def changed(place: tuple[Any, ...], value: Any) -> dict[str, Any]:
    study = here = copy.deepcopy(DEMO)
    for part in place[:-1]:
        here = here[part]
    here[place[-1]] = value
    return study


def refused(raw: Any) -> str:
    with pytest.raises(SitterError) as caught:
        params.check(raw)
    return str(caught.value)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(places(DEMO)), VALUES)
def test_whatever_stands_anywhere_is_taken_or_refused_in_plain_words(place: tuple[Any, ...], value: Any) -> None:
    try:
        params.check(changed(place, value))
    except SitterError as error:
        for line in str(error).splitlines():
            assert line.startswith("params.yaml: ")
            assert not LIBRARY.search(line), line


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        ("models/dlib", "x", ["models.dlib is 'x'", "a section with fields"]),
        ("models/dlib/backbone", {}, ["models.dlib.backbone", "add kind:"]),
        ("models/dlib/backbone", {"kind": None}, ["models.dlib.backbone.kind is empty", "clip"]),
        ("train/epochs", "1e5", ["train.epochs is '1e5'", "a whole number"]),
        ("train/epochs", 1.5, ["train.epochs is 1.5", "a whole number"]),
        ("train/epochs", True, ["train", "'epochs' is true", "a number"]),
        ("train/patience", False, ["'patience' is false", "null"]),
        ("train/lr", float("inf"), ["train.lr is inf", "a finite number"]),
        ("train/optimiser", None, ["train.optimiser is empty", "adam"]),
        ("train/optimiser", True, ["train.optimiser is true", "adam"]),
        ("embed/datasets", {}, ["embed.datasets is an empty section", "a list"]),
        ("evaluate/far", [], ["evaluate.far", "at least 1 entry"]),
        ("models/Dlib Head", {}, ["the name 'Dlib Head'", "small letters"]),
        ("evaluate/benchmarks", None, ["evaluate.benchmarks is empty", "a section"]),
        ("seed", -1, ["seed is -1", "at least 0"]),
    ],
)
def test_found_and_expected_are_named(place: str, value: Any, words: list[str]) -> None:
    message = refused(changed(tuple(place.split("/")), value))
    for word in words:
        assert word in message, message


@pytest.mark.parametrize("field", ["name", "version", "member"])
@pytest.mark.parametrize(
    ("written", "what"),
    [
        ("1.10", "a number"),
        ("3.0", "a number"),
        ("1_0", "a number"),
        ("20241231", "a number"),
        ("1.50", "a number"),
        ("0x10", "a number"),
        ("on", "true or false"),
        ("No", "true or false"),
        ("2024-01-02", "a date"),
    ],
)
def test_text_that_yaml_took_for_something_else_is_shown_as_written_and_quoted(
    tmp_path: Path, field: str, written: str, what: str
) -> None:
    study = yaml.safe_dump({**DEMO, "download": {**DEMO["download"], "extra": {**PACKAGE, field: "HERE"}}})
    line = next(n for n, text in enumerate(study.splitlines(), start=1) if "HERE" in text)
    file = tmp_path / "study.yaml"
    file.write_text(study.replace("HERE", written))
    with pytest.raises(SitterError) as caught:
        params.load(file)
    message = str(caught.value)
    assert f"study.yaml, line {line}: download.extra.{field} is {written}, which YAML reads as {what}" in message
    assert f'in quotes: "{written}"' in message
    file.write_text(study.replace("HERE", f'"{written}"'))
    params.load(file)


def test_a_checksum_that_yaml_took_for_a_number_is_shown_with_all_its_digits(tmp_path: Path) -> None:
    study = yaml.safe_dump({**DEMO, "download": {**DEMO["download"], "extra": {**PACKAGE, "sha256": "HERE"}}})
    file = tmp_path / "study.yaml"
    file.write_text(study.replace("HERE", "12345" * 12 + "6789"))
    with pytest.raises(SitterError, match=f'"{"12345" * 12}6789"'):
        params.load(file)


def test_in_a_sweep_the_entry_is_found_as_it_is_written(tmp_path: Path) -> None:
    study = copy.deepcopy(DEMO)
    study["models"]["many"] = {**copy.deepcopy(study["models"]["dlib-lora"]), "sweep": {"adaptation.rank": [2, 4]}}
    study["models"]["many"]["backbone"]["weights"] = 1.5
    file = tmp_path / "study.yaml"
    file.write_text(yaml.safe_dump(study).replace("weights: 1.5", "weights: 1.50"))
    with pytest.raises(SitterError) as caught:
        params.load(file)
    assert str(caught.value).count('in quotes: "1.50"') == 2
