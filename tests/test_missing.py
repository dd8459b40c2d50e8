"""Files of the user's own that are not here: said before any compute, with who wants them and how to get them."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from pipeline import params
from pipeline.cli import main
from pipeline.core.errors import SitterError
from pipeline.core.layout import HERE, MANIFEST
from pipeline.plan import jobs
from pipeline.plan.requirements import missing
from pipeline.stages import download
from tests.demo import demo

PROJECT = Path(__file__).parents[1]
FROZEN = {"adaptation": {"kind": "none"}, "loss": {"kind": "none"}}
SAID = (
    "download.antelope.path is weights/glintr100.onnx, which does not exist (looked for it below {here}). It is needed "
    "by models.base, models.tuned. How to get it: unpack antelopev2.zip. Licence: non-commercial research. "
    f"Its SHA-256 has to be {'0' * 64}."
)


@pytest.fixture
def study(tmp_path):
    """The demo with two models whose weights are a file of the user's own, in an empty project."""
    raw = demo()
    raw["download"]["antelope"] = {
        "kind": "file",
        "path": "weights/glintr100.onnx",
        "sha256": "0" * 64,
        "licence": "non-commercial research",
        "obtain": "unpack antelopev2.zip",
    }
    for name in ("base", "tuned"):
        raw["models"][name] = {"backbone": {"kind": "iresnet", "depth": 100, "weights": "antelope"}, **FROZEN}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(raw))
    return params.load(tmp_path / "params.yaml", root=tmp_path)


@pytest.fixture
def _here(tmp_path, monkeypatch):
    """Work in the project, as its commands do."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("_here")
def test_check_says_who_wants_what_where_it_was_looked_for_and_how_to_get_it(study, capsys):
    assert main(["check"]) == 0
    assert SAID.format(here=Path.cwd()) in capsys.readouterr().out
    assert missing(study, HERE).keys() == {"antelope"}


def test_download_says_the_same_and_makes_nothing(study, at):
    with pytest.raises(SitterError) as said:
        download.run(study, "antelope", at.root)
    assert str(said.value) == SAID.format(here=at.root)
    assert not at.raw("antelope").exists()


@pytest.mark.usefixtures("_here")
def test_what_was_fetched_for_another_source_of_the_same_name_hides_nothing(study):
    own = Path("mine.onnx")
    own.write_bytes(b"x")
    raw = yaml.safe_load(Path("params.yaml").read_text())
    asked = raw["download"]["antelope"]
    raw["download"]["antelope"] = {"kind": "file", "path": "mine.onnx"}
    Path("other.yaml").write_text(yaml.safe_dump(raw | {"name": ""}))
    assert main(["download", "antelope", "--params", "other.yaml"]) == 0
    assert missing(study, HERE).keys() == {"antelope"}
    assert not missing(params.load(Path("other.yaml")), HERE)
    own.unlink()  # what was made of it stands
    assert not missing(params.load(Path("other.yaml")), HERE)
    raw["download"]["antelope"] = asked | {"path": "mine.onnx"}  # the same file, other words beside it
    Path("other.yaml").write_text(yaml.safe_dump(raw | {"name": ""}))
    assert missing(params.load(Path("other.yaml")), HERE).keys() == {"antelope"}


@pytest.mark.usefixtures("_here")
def test_a_record_of_what_was_replaced_since_says_nothing(study):
    Path("mine.onnx").write_bytes(b"x")
    raw = yaml.safe_load(Path("params.yaml").read_text())
    raw["download"]["antelope"] = {"kind": "file", "path": "mine.onnx"}
    Path("other.yaml").write_text(yaml.safe_dump(raw | {"name": ""}))
    assert main(["download", "antelope", "--params", "other.yaml"]) == 0
    assert missing(study, HERE)
    Path("data/raw/antelope/manifest.csv").write_text("as `dvc pull` brings it\n")
    assert not missing(study, HERE)


def test_what_is_here_or_was_downloaded_before_is_not_missing(study, at):
    at.raw("antelope").mkdir(parents=True)
    (at.raw("antelope") / MANIFEST).touch()
    assert not missing(study, at)
    (at.raw("antelope") / MANIFEST).unlink()
    (at.root / "weights").mkdir()
    (at.root / "weights/glintr100.onnx").touch()
    assert not missing(study, at)


def test_the_pairs_of_a_benchmark_are_watched_and_said_where_they_are_not_here(study, at):
    raw = yaml.safe_load((at.root / "params.yaml").read_text())
    raw["evaluate"]["benchmarks"]["listed"] = {"kind": "template-pairs", "dataset": "orl", "pairs": "lists/pairs.txt"}
    study = params.check(raw)
    (job,) = jobs.evaluate(study, at)
    assert job.own == (Path("lists/pairs.txt"),)
    said = missing(study, at)["evaluate"]
    assert said.startswith("evaluate.benchmarks.listed.pairs is lists/pairs.txt, which does not exist (looked for")
    (at.root / "lists").mkdir()
    (at.root / "lists/pairs.txt").write_text("1 2 1\n")
    assert "evaluate" not in missing(study, at)
