"""dvc.yaml follows params.yaml and the code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from rules import dvc_yaml

PROJECT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PROJECT)


def test_dvc_yaml_as_checked_in_follows_params_and_the_imports() -> None:
    assert dvc_yaml.in_step(), "run: python rules/dvc_yaml.py"


def test_every_rule_is_a_stage_of_dvc_and_has_a_file_a_module_and_a_section() -> None:
    stages = set(yaml.safe_load((PROJECT / "dvc.yaml").read_text())["stages"])
    rules = {path.stem for path in (PROJECT / "rules").glob("*.smk")} - {"common"}
    assert stages == rules
    for stage in stages:
        assert (PROJECT / f"pipeline/{stage}.py").is_file()
        assert (PROJECT / f"pipeline/params/{stage}.py").is_file()
        assert stage in yaml.safe_load((PROJECT / "params.yaml").read_text())


def test_plots_and_metrics_of_the_users_own_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "dvc.yaml"
    own.write_text("stages: {}\nplots: [{mine.csv: {x: far}}]\n")
    monkeypatch.setattr(dvc_yaml, "DVC_YAML", own)
    dvc_yaml.write_dvc_yaml()
    written = yaml.safe_load(own.read_text())
    assert written["plots"] == [{"mine.csv": {"x": "far"}}]
    assert written["stages"].keys() == yaml.safe_load((PROJECT / "dvc.yaml").read_text())["stages"].keys()


def test_dvc_reads_it() -> None:
    listed = subprocess.run(
        [Path(sys.executable).parent / "dvc", "stage", "list", "--name-only"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert {"train@dlib-lora", "embed@dlib--orl", "evaluate", "report"} <= set(listed.stdout.split())
