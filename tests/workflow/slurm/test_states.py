"""What the executor makes of the states that SLURM tells, or does not: nothing is a success that made no outputs."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo

from rules import slurm
from tests.workflow.slurm.submitting import Submitting, made

pytestmark = pytest.mark.slow


class Told(slurm.Executor):
    """The executor without Snakemake and SLURM: it notes what it would report."""

    def __init__(self) -> None:
        self.pace, self.since, self.leaving = 0.0, {}, False
        self.told: list[str] = []
        self.logger = SimpleNamespace(info=self.told.append)
        self._main_event_loop = None
        settings = SimpleNamespace(no_requeue=False, keep_successful_logs=False)
        self.workflow = SimpleNamespace(
            executor_settings=settings, execution_settings=SimpleNamespace(latency_wait=-1), workdir_init="here"
        )

    def report_job_success(self, info: SubmittedJobInfo) -> None:
        self.told.append("success")

    def report_job_error(self, info: SubmittedJobInfo, msg: str = "", **more: object) -> None:
        self.told.append(msg)


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Told:
    """An executor that has no patience."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(slurm, "PATIENCE", -1.0)
    return Told()


def submitted(output: str = "manifest.csv") -> SubmittedJobInfo:
    """Job 7, just sent."""
    wildcards: Any = ["tuned"]
    job = SimpleNamespace(is_group=lambda: False, rule=SimpleNamespace(name="train"), wildcards=wildcards)
    return SubmittedJobInfo(job, "7", {"before": {output: slurm._identity(output)}})  # type: ignore[arg-type]


@pytest.mark.parametrize("state", ["PENDING", "RUNNING", "COMPLETING", "REQUEUED", "SUSPENDED", "CONFIGURING"])
def test_a_job_in_the_queue_goes_on(told: Told, state: str) -> None:
    assert told.goes_on(submitted(), state)
    assert told.told == []


def test_an_output_made_since_the_submission_is_a_success(told: Told) -> None:
    info = submitted()
    Path("manifest.csv").write_text("new")
    assert not told.goes_on(info, "COMPLETED")
    assert told.told == ["success"]


@pytest.mark.parametrize("before", [None, "old"])
@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("COMPLETED", "ended, but its outputs are missing or older than it: not taken for a success."),
        ("", "is unknown to SLURM by now: not taken for a success."),
        ("CANCELLED", "ended as CANCELLED."),
        ("NODE_FAIL", "ended as NODE_FAIL."),
        ("OUT_OF_MEMORY", "ended as OUT_OF_MEMORY. Give it more: resources.train.tuned.memory_gb."),
        (
            "TIMEOUT",
            "ended as TIMEOUT. A training goes on from its checkpoint in the next attempt (--retries); or give it more "
            "time: resources.train.tuned.hours.",
        ),
    ],
)
def test_a_job_without_new_outputs_is_a_failure_whatever_its_state(
    told: Told, before: str | None, state: str, words: str
) -> None:
    if before:
        Path("manifest.csv").write_text(before)
    assert not told.goes_on(submitted(), state)
    assert [said.strip() for said in told.told] == [f"train-tuned: SLURM job 7 {words}"]


@pytest.mark.parametrize("state", ["COMPLETED", "", "NODE_FAIL", "PREEMPTED"])
def test_in_doubt_it_is_asked_again_for_a_while(told: Told, monkeypatch: pytest.MonkeyPatch, state: str) -> None:
    monkeypatch.setattr(slurm, "PATIENCE", 60.0)
    told.workflow.execution_settings.latency_wait = 60
    assert told.goes_on(submitted(), state)
    assert told.told == []


def test_a_job_that_slurm_forgot_is_a_failure_even_where_its_outputs_are_new(told: Told) -> None:
    info = submitted()
    Path("manifest.csv").write_text("new")
    assert not told.goes_on(info, "")
    assert [said.strip() for said in told.told] == [
        "train-tuned: SLURM job 7 is unknown to SLURM by now: not taken for a success."
    ]


def test_nothing_is_submitted_before_slurm_says_what_is_in_the_queue(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([None, None, [["8", "elsewhere"]]])
    monkeypatch.setattr(slurm, "_lines", lambda command: next(answers))
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    told.end_strays(submitted().job)
    assert next(answers, "all asked") == "all asked"


def test_where_a_cancelled_job_does_not_end_no_other_is_submitted(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    cancelled = []
    monkeypatch.setattr(slurm, "_lines", lambda command: [["7", "here"]])
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    monkeypatch.setattr("subprocess.run", lambda command, check: cancelled.append(command))
    told.run_job(submitted().job)
    assert told.told == [
        "train-tuned: cancelling job 7, which is still in the queue.",
        "train-tuned was not submitted: job 7 of it was cancelled and does not end. ",
    ]
    assert cancelled == [["scancel", "7"]]


LIAR = """#!/bin/sh
{sacct} "$@" | sed -f {lies}
"""


def test_a_lie_about_the_state_costs_an_attempt_and_no_training(
    here: Submitting, undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    lies = tmp_path / "lies"
    lies.write_text("")
    liar = tmp_path / "bin/sacct"
    liar.parent.mkdir()
    liar.write_text(LIAR.format(sacct=here.cluster.folder / "bin/sacct", lies=lies))
    liar.chmod(0o755)
    here.first_on_path = liar.parent
    here.hold("killed")
    snakemake = here.train("killed", options=("--latency-wait", "1"))
    numbers = []
    for state, words in {
        "COMPLETED": "ended, but its outputs are missing or older than it",
        "OUT_OF_MEMORY": "ended as OUT_OF_MEMORY. Give it more: resources.train.killed.memory_gb.",
    }.items():
        here.held("killed")
        numbers.append(here.number("killed"))
        if state == "COMPLETED":
            here.hold("killed", at=1)  # the next attempt
        with lies.open("a") as file:
            file.write(f"s/^{numbers[-1]}|RUNNING.*/{numbers[-1]}|{state}/\n")
        snakemake.wait_for(f"train-killed: SLURM job {numbers[-1]} {words}")
        snakemake.wait_for(f"train-killed: cancelling job {numbers[-1]}, which is still in the queue.")
    snakemake.succeed()
    assert made(here.folder, "killed") == undisturbed
    assert here.places("killed") == ["epoch 3, 2 of 4 batches done"]
    runs = here.runs("killed")
    assert [run["State"].split()[0] for run in runs] == ["CANCELLED", "CANCELLED", "COMPLETED"]
    assert all(one["End"] <= other["Start"] for one, other in pairwise(runs))
