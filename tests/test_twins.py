"""A job that another study has done is not done again, and only such a job."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.files import MANIFEST, output_folder
from pipeline.core.layout import Layout
from pipeline.plan.jobs import Job
from pipeline.plan.kept import kept
from pipeline.plan.twins import ANEW, FORCED, Twins

VALUES: dict[str, Any] = {"seed": 1, "models": {"tuned": {"lr": 0.1}}}


def twins(root: Path, study: str, values: Mapping[str, Any] = VALUES, faces: str = "faces") -> Twins:
    """The training of `tuned` on the faces of `photos`, which are made here."""
    at = Layout(root, study)
    with output_folder(at.faces("photos")) as folder:
        (folder / "crops").write_text(faces)
    own = root / "mine.csv"
    if not own.exists():
        own.write_text("mine")
    parameters = ("seed", "models.tuned")
    job = Job("train", ("tuned",), (at.faces("photos"),), (at.model("tuned"),), parameters, ("losses/triplet",), (own,))
    return Twins.of(job, values, at)


def train(of: Twins) -> None:
    """Make the outputs, and keep what the job was."""
    with output_folder(of.job.outputs[0]) as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "weights").write_text("weights")
    of.note()


def test_the_same_job_is_taken_whole_from_whichever_study_has_it(tmp_path: Path) -> None:
    assert not twins(tmp_path, "").take()
    train(twins(tmp_path, "one"))
    two = twins(tmp_path, "two")
    assert two.take()
    made, other = two.job.outputs[0], Layout(tmp_path, "one").model("tuned")
    assert (made / "deep/weights").read_text() == "weights"
    assert (made / MANIFEST).read_text() == (other / MANIFEST).read_text()
    assert os.path.samefile(made / "deep/weights", other / "deep/weights"), "no disk is spent twice"
    assert not os.path.samefile(made / MANIFEST, other / MANIFEST), "whose times Snakemake sets"
    three = twins(tmp_path, "three")
    (tmp_path / "runs/one/data/made/train/tuned.json").unlink()
    assert three.take(), "what was taken can be taken again"
    assert twins(tmp_path, "").take(), "by the study of params.yaml, too"


@pytest.mark.parametrize("what", ["values", "seed", "inputs", "own", "their outputs", "anew"])
def test_a_job_that_differs_in_anything_is_done(tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    one = twins(tmp_path, "one")
    train(one)
    assert twins(tmp_path, "two").take(), "else the test says nothing"
    values: dict[str, Any] = {
        "values": VALUES | {"models": {"tuned": {"lr": 0.2}}},
        "seed": VALUES | {"seed": 2},
    }.get(what, VALUES)
    if what == "own":
        (tmp_path / "mine.csv").write_text("other")
    if what == "their outputs":  # made anew since by a way that keeps no record
        for study in ("one", "two"):
            with output_folder(Layout(tmp_path, study).model("tuned")) as folder:
                (folder / "weights").write_text("others")
    if what == "anew":
        monkeypatch.setenv(ANEW, "1")
    three = twins(tmp_path, "three", values, "other faces" if what == "inputs" else "faces")
    assert not three.take()
    assert not three.job.outputs[0].exists()


def test_of_several_processes_the_first_takes_and_all_decide_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(twins(tmp_path, "one"))
    monkeypatch.setenv("RANK", "1")
    two = twins(tmp_path, "two")
    assert two.take()
    assert not two.job.outputs[0].exists()
    monkeypatch.setenv("RANK", "0")
    assert two.take()
    assert two.job.outputs[0].exists()


def test_what_an_earlier_run_has_made_and_another_program_deletes_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = twins(tmp_path, "")
    made = of.job.outputs[0]
    train(of)
    assert not list(kept(of.job, of.at)), "nobody deletes outputs where there is no DVC"
    (tmp_path / ".dvc").mkdir()
    train(of)
    ((folder, manifest),) = kept(of.job, of.at)
    assert os.path.samefile(made / "deep/weights", folder / "models/tuned/deep/weights"), "no disk is spent twice"
    whole = (made / MANIFEST).read_bytes()
    assert manifest.read_bytes() == whole
    shutil.rmtree(made)
    monkeypatch.setenv(FORCED, "1")
    assert not twins(tmp_path, "").take(), "it is to be done again"
    monkeypatch.delenv(FORCED)
    other = twins(tmp_path, "", VALUES | {"seed": 2})
    assert not other.take(), "another job"
    train(other)
    assert twins(tmp_path, "").take(), "the other job has not taken its place"
    assert (made / MANIFEST).read_bytes() == whole
    assert (made / "deep/weights").read_text() == "weights"
    assert twins(tmp_path, "").made()
