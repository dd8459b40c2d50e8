"""dvc.yaml follows params.yaml and the code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pipeline.params import Study, load
from pipeline.plan.stages import STAGES, jobs
from rules import dvc_yaml
from rules.homes import bring_home
from rules.plan import planned

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def study() -> Study:
    """The study of the project's params.yaml."""
    return load(PROJECT / "params.yaml", root=PROJECT)


def test_dvc_yaml_as_checked_in_follows_params_and_the_imports(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PROJECT)
    assert dvc_yaml.in_step(study), "run: python rules/dvc_yaml.py"


def test_every_rule_is_a_stage_of_dvc_and_has_a_file_a_module_and_a_section(study: Study) -> None:
    stages = set(yaml.safe_load((PROJECT / "dvc.yaml").read_text())["stages"])
    rules = {path.stem for path in (PROJECT / "rules").glob("*.smk")} - {"common"}
    assert rules == set(STAGES)
    assert stages == {job.stage for job in jobs(study)} | {"plan"}
    for stage in rules:
        assert (PROJECT / f"pipeline/stages/{stage}.py").is_file()
        assert (PROJECT / f"pipeline/params/{stage}.py").is_file()
        assert stage in Study.model_fields


def test_plots_and_metrics_of_the_users_own_stay(study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "dvc.yaml"
    own.write_text("stages: {}\nplots: [{mine.csv: {x: far}}]\n")
    dvc_yaml.write_dvc_yaml(study)
    written = yaml.safe_load(own.read_text())
    assert written["plots"][-1] == {"mine.csv": {"x": "far"}}
    assert len(written["plots"]) == 1 + 3 + 2, "one for each benchmark of the demo, two for its trainings"
    dvc_yaml.write_dvc_yaml(study)
    assert yaml.safe_load(own.read_text()) == written
    assert written["stages"].keys() == yaml.safe_load((PROJECT / "dvc.yaml").read_text())["stages"].keys()


@pytest.mark.parametrize("named", [False, True], ids=["of params.yaml", "of another file"])
@pytest.mark.parametrize("file", ["params.yaml", "tests/workflow/study.yaml", "studies/own-portraits.yaml"])
def test_dvc_knows_every_input_fingerprint_parameter_and_output_of_every_job(
    file: str, named: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DVC itself reads the templates here, also for studies with entries that depend on more than others do."""
    from dvc.repo import Repo

    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    Repo.init(str(tmp_path)).close()
    monkeypatch.chdir(tmp_path)
    copy = Path("mine.yaml" if named else "params.yaml")
    copy.write_text((PROJECT / file).read_text())
    study = bring_home([copy])
    found = jobs(study)
    dvc_yaml.write_dvc_yaml(study)
    with Repo(str(tmp_path)) as repo:
        stages = {stage.name: stage for stage in repo.index.stages}
        assert stages.keys() == {"plan", *(dvc_yaml.stage_name(job) for job in found)}
        for job in found:
            stage = stages[dvc_yaml.stage_name(job)]
            # If the study is in another file, dvc.yaml lies in the study's home; paths still start at the root.
            assert stage.wdir == str(tmp_path)
            files = {dep.def_path for dep in stage.deps if not hasattr(dep, "params")}
            keys = {key for dep in stage.deps for key in getattr(dep, "params", [])}
            assert files == {path.as_posix() for path in (*job.inputs, planned(job), *job.own)}
            assert keys == set(job.parameters)
            assert {out.def_path for out in stage.outs} == {path.as_posix() for path in job.outputs}


def test_dvc_reads_it() -> None:
    listed = subprocess.run(
        [Path(sys.executable).parent / "dvc", "stage", "list", "--name-only"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert {"train@dlib-lora", "embed@dlib--orl", "evaluate", "report"} <= set(listed.stdout.split())
