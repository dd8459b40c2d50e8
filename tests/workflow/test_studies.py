"""Several studies in one folder: none overwrites another, shared outputs are made once, and no run's work is lost."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import yaml

from tests.workflow.conftest import Workplace

pytestmark = [pytest.mark.slow, pytest.mark.training]


def contents(place: Workplace, *folders: str) -> dict[str, str]:
    """Return a hash of every file below some folders of a project, by path, except the records of jobs."""
    every = (file for folder in folders for file in (place.folder / folder).rglob("*") if file.is_file())
    files = (file for file in every if "made" not in file.parts)
    return {str(file.relative_to(place.folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def write_study(place: Workplace, file: str, margin: float) -> None:
    """Write another study: the one of params.yaml, with another margin for the loss of `tuned`."""
    params = yaml.safe_load(place.text("params.yaml"))
    params["models"]["tuned"]["loss"]["margin"] = margin
    path = place.folder / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump(params, sort_keys=False))


def taken(place: Workplace, study: str) -> set[str]:
    """Return the jobs of a study that took their outputs from another study, in the form `train/tuned`."""
    logs = place.folder / "runs" / study / "logs"
    found = ((str(log.relative_to(logs).with_suffix("")), log.read_text()) for log in logs.rglob("*.log"))
    return {name for name, text in found if "taken from" in text}


OUTPUTS = ("data", "models", "embeddings", "attributions", "results")


def test_a_study_of_another_file_has_its_own_results_and_shares_what_is_the_same(workplace: Workplace) -> None:
    before = contents(workplace, *OUTPUTS)
    write_study(workplace, "mine/art.yaml", 0.4)
    said = workplace.call("snakemake", "all", "--configfile", "mine/art.yaml").stdout
    assert "report: runs/art/results/report.html" in said
    assert contents(workplace, *OUTPUTS) == before
    # The portraits of this copied project are other files than the ones that the first study read.
    differ = {"download/photos", "train/tuned", "embed/tuned/painted", "fuse/with-tuned", "evaluate", "report"}
    logs = workplace.folder / "runs/art/logs"
    every = {str(log.relative_to(logs).with_suffix("")) for log in logs.rglob("*.log")}
    assert every - taken(workplace, "art") == differ
    known = yaml.safe_load(workplace.text("runs/art/models/tuned/model.json"))
    assert known["loss"]["margin"] == 0.4

    # Both engines know the study, and so does an experiment of DVC.
    assert "up to date" in workplace.call("dvc", "status").stdout
    assert "Nothing to be done" in workplace.call("snakemake", "-n", "all", "--configfile", "mine/art.yaml").stdout
    workplace.commit("a study of its own")
    every = contents(workplace, *OUTPUTS, *(f"runs/art/{folder}" for folder in OUTPUTS))
    workplace.call("dvc", "exp", "run", "-S", "report.title=Another title")
    after = contents(workplace, *OUTPUTS, *(f"runs/art/{folder}" for folder in OUTPUTS))
    assert every.keys() == after.keys()
    changed = {path for path in every if every[path] != after[path]}
    assert changed == {"data/plan/report.txt", "results/report.html"} or changed == {"results/report.html"}

    # After an edit of its file, DVC makes the outputs that depend on it, and Snakemake agrees.
    write_study(workplace, "mine/art.yaml", 0.5)
    said = workplace.call("dvc", "repro", "runs/art/dvc.yaml").stdout
    assert "Running stage 'runs/art/dvc.yaml:train@tuned'" in said
    assert "Running stage 'runs/art/dvc.yaml:train@base'" not in said
    known = yaml.safe_load(workplace.text("runs/art/models/tuned/model.json"))
    assert known["loss"]["margin"] == 0.5
    assert "Nothing to be done" in workplace.call("snakemake", "-n", "all", "--configfile", "mine/art.yaml").stdout


def test_two_studies_of_one_name_are_refused_before_any_work(workplace: Workplace) -> None:
    write_study(workplace, "mine/art.yaml", 0.4)
    write_study(workplace, "theirs/art.yaml", 0.6)
    target = "runs/art/data/raw/photos/manifest.csv"
    workplace.call("snakemake", "--configfile", "mine/art.yaml", "--", target)
    refused = workplace.call("snakemake", "--configfile", "theirs/art.yaml", "--", target, check=False)
    assert refused.returncode != 0
    assert "mine/art.yaml" in refused.stdout
    assert "name: art-2" in refused.stdout
    # A file on top of another one keeps a name that the other file gives, so it would replace the other's results.
    art = workplace.folder / "mine/art.yaml"
    art.write_text(art.read_text() + "name: art\n")
    (workplace.folder / "mine/less.yaml").write_text("seed: 2\n")
    both = workplace.call("snakemake", "--configfile", "mine/art.yaml", "mine/less.yaml", "--", target, check=False)
    assert both.returncode != 0
    assert "name: art-2" in both.stdout
    art.unlink()  # moved, or given up
    workplace.call("snakemake", "--configfile", "theirs/art.yaml", "--", target)
    file = workplace.folder / "theirs/art.yaml"
    file.write_text(file.read_text() + "name: other\n")
    workplace.call("snakemake", "--configfile", "theirs/art.yaml", "--", target.replace("art", "other", 1))


def test_what_a_study_of_another_file_has_made_stands_without_the_originals(workplace: Workplace) -> None:
    write_study(workplace, "mine/art.yaml", 0.4)
    target = "runs/art/data/faces/photos/manifest.csv"
    workplace.call("snakemake", "--configfile", "mine/art.yaml", "--", target)
    (workplace.folder / "portraits").rename(workplace.folder / "elsewhere/portraits")
    shutil.rmtree(workplace.folder / "data/raw/photos")
    said = workplace.call("snakemake", "-n", "--configfile", "mine/art.yaml", "--", target).stdout
    assert "Nothing to be done" in said


def test_what_was_made_before_a_run_failed_is_recorded_and_survives_an_experiment(workplace: Workplace) -> None:
    workplace.change("models.tuned.loss.margin", 0.4)
    log = workplace.folder / "logs/evaluate.log"
    shutil.rmtree(log) if log.is_dir() else log.unlink()
    log.mkdir()  # so that the stage `evaluate` cannot write its log
    failed = workplace.call("snakemake", "all", check=False)
    assert failed.returncode != 0
    assert workplace.dvc_would_run() == {"evaluate", "report"}
    assert "evaluate" in workplace.snakemake_would_run()
    assert "train/tuned" not in workplace.snakemake_would_run()
    made = contents(workplace, "models", "embeddings")
    failed = workplace.call("dvc", "exp", "run", "-S", "report.title=Another title", check=False)
    assert failed.returncode != 0  # for the same reason
    assert contents(workplace, "models", "embeddings") == made
    assert Path(workplace.folder, "results/report.html").exists()


def kill_when_trained(place: Workplace) -> None:
    """Start `snakemake all`, and kill it with all its jobs as soon as `tuned` is trained."""
    run = subprocess.Popen(
        ["snakemake", "all"],
        cwd=place.folder,
        env=place.environment(),
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while not any(not path.suffix for path in (place.folder / "data/made/train/tuned").glob("*/")):
            assert run.poll() is None, "the run has ended before it could be killed"
            time.sleep(0.05)
    finally:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()


def test_what_a_killed_run_has_made_outlives_an_experiment_and_is_not_made_again(workplace: Workplace) -> None:
    assert not list((workplace.folder / "data/made").glob("*/*/*/")), "DVC has the outputs, so no second names are left"
    workplace.change("models.tuned.loss.margin", 0.4)
    kill_when_trained(workplace)
    weights = (workplace.folder / "models/tuned/weights.safetensors").read_bytes()
    # DVC deletes outputs that it has no record of, and then needs the same outputs.
    workplace.call("dvc", "exp", "run", "-S", "report.title=Another title")
    assert (workplace.folder / "models/tuned/weights.safetensors").read_bytes() == weights
    assert "taken from an earlier run" in workplace.text("logs/train/tuned.log")
    assert workplace.snakemake_would_run() == workplace.dvc_would_run() == set()
