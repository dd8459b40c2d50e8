"""`sitter show`: what is there, as tables."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import yaml

from pipeline import cli
from pipeline.params import load
from tests.identification import project
from tests.reporting.standin import drawn_crops, small_study, write_run

PROJECT = Path(__file__).parents[1]


@pytest.fixture
def _run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A study with results in the working directory."""
    monkeypatch.chdir(tmp_path)
    study = small_study()
    write_run(study, drawn_crops(60, 20), tmp_path)
    text = yaml.safe_dump(study.model_dump(mode="json", exclude_unset=True), sort_keys=False)
    Path("params.yaml").write_text(text)
    logging.getLogger("pipeline").setLevel(logging.INFO)


def show(*arguments: str, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert cli.main(["show", *arguments]) == 0
    return capsys.readouterr().out


@pytest.mark.usefixtures("_run")
def test_the_study_is_shown_with_what_has_been_made(capsys: pytest.CaptureFixture[str]) -> None:
    lines = show("study", capsys=capsys).splitlines()
    assert lines[0].split("  ")[0] == "data set"
    assert lines[1].split()[:4] == ["photos", "61", "55", "21"]
    assert "CC0-1.0" in lines[1]
    assert any(line.split() == ["fuse", "0", "of", "1"] for line in lines), "there is no manifest.csv"
    assert any(line.startswith("questions") for line in lines)


@pytest.mark.usefixtures("_run")
def test_models_are_shown_in_a_table_and_one_with_its_figures(capsys: pytest.CaptureFixture[str]) -> None:
    lines = show("models", capsys=capsys).splitlines()
    assert [line.split()[0] for line in lines] == ["model", "dlib", "dlib-head", "both"]
    assert all(line.endswith("yes") for line in lines[1:])
    one = show("models", "dlib-head", capsys=capsys)
    assert "head, by triplet (margin 0.3)" in one
    assert "parameters.trained" in one
    assert any(line.startswith("photographs") and "EER, %" in line and "[" in line for line in one.splitlines())


def test_params_are_shown_with_their_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    study = str(PROJECT / "params.yaml")
    found = yaml.safe_load(show("params", "models.dlib-head", "--params", study, capsys=capsys))
    assert found["loss"] == load(Path(study)).models["dlib-head"].loss.model_dump(mode="json")
    assert "seed: 1" in show("params", "--params", study, capsys=capsys)


def test_faces_are_counted_and_the_doubtful_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    project.write_project(tmp_path)
    account = Path("data/faces/photos/faces.csv")
    account.write_text(account.read_text().replace(",0.99,", ",0.31,", 1))
    text = yaml.safe_dump(project.study().model_dump(mode="json", exclude_unset=True), sort_keys=False)
    Path("params.yaml").write_text(text)
    lines = show("faces", "photos", capsys=capsys).splitlines()
    assert ["aligned", "44"] in [line.split() for line in lines]
    assert "doubtful: 1 of 44" in lines
    assert any(line.split()[:2] == ["s00/0", "s00"] and line.endswith("a low score") for line in lines)
    assert lines[-1].endswith("data/faces/photos/doubtful.html")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["models", "dlip"], "did you mean 'dlib'?"),
        (["params", "model"], "no section 'model'; did you mean 'models'?"),
        (["params", "models.dlip"], "models has no entry 'dlip'; did you mean 'dlib'?"),
        (["faces"], "show faces needs a data set"),
        (["faces", "orl"], "run `sitter align orl` first"),
        (["study", "orl"], "show study takes no name"),
    ],
)
def test_what_is_not_there_is_told_with_the_nearest_name(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["show", *arguments, "--params", str(PROJECT / "params.yaml")]) == 1
    assert words in capsys.readouterr().err
