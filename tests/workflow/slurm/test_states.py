"""The executor's reaction to SLURM's states, or to their absence: a job without outputs is never a success."""

from __future__ import annotations

import getpass
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo

from pipeline.core.layout import HERE
from pipeline.training import status
from snakemake_executor_plugin_sitter_slurm import attempts, executor, states
from snakemake_executor_plugin_sitter_slurm.attempts import Standing
from snakemake_executor_plugin_sitter_slurm.states import State
from tests.workflow.slurm.submitting import Submitting, made

pytestmark = pytest.mark.slow


class Told(executor.Executor):
    """The executor without Snakemake and SLURM: it records the reports that it would make."""

    def __init__(self) -> None:
        self.pace, self.since, self.leaving = 0.0, {}, False
        self.told: list[str] = []
        self.logger = SimpleNamespace(info=self.told.append)
        self._main_event_loop = None
        settings = SimpleNamespace(no_requeue=False, keep_successful_logs=False)
        self.workflow = SimpleNamespace(
            executor_settings=settings,
            execution_settings=SimpleNamespace(latency_wait=-1),
            workdir_init="here",
            scheduler=SimpleNamespace(_user_kill=None),
        )
        self._job_submission_executor = SimpleNamespace(submit=lambda run, job: self.told.append("sent again"))

    def report_job_success(self, info: SubmittedJobInfo) -> None:
        self.told.append("success")

    def report_job_error(self, info: SubmittedJobInfo, msg: str = "", **more: object) -> None:
        self.told.append(msg)


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Told:
    """Return an executor that never waits for a state."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(executor, "PATIENCE", -1.0)
    return Told()


def submitted(output: str = "manifest.csv") -> SubmittedJobInfo:
    """Return job 7, which was just submitted."""
    wildcards: Any = ["tuned"]
    rule = SimpleNamespace(name="train")
    job: Any = SimpleNamespace(
        is_group=lambda: False, rule=rule, wildcards=wildcards, output=[output], attempt=1, restart_times=3
    )
    aux = {"before": {output: attempts.identity(output)}, "standing": Standing()}
    return SubmittedJobInfo(job, "7", aux)


@pytest.mark.parametrize("state", ["PENDING", "RUNNING", "COMPLETING", "REQUEUED", "SUSPENDED", "CONFIGURING"])
def test_a_job_in_the_queue_goes_on(told: Told, state: str) -> None:
    assert told.goes_on(submitted(), State(state))
    assert told.told == []


def test_an_output_made_since_the_submission_is_a_success(told: Told) -> None:
    info = submitted()
    Path("manifest.csv").write_text("new")
    assert not told.goes_on(info, State("COMPLETED"))
    assert told.told == ["success"]


@pytest.mark.parametrize("before", [None, "old"])
@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("COMPLETED", "ended, but its outputs are missing or older than it: not taken for a success."),
        ("", "is unknown to SLURM by now: not taken for a success."),
        ("FAILED", "ended as FAILED."),
        ("NODE_FAIL", "lost its node (NODE_FAIL) before it made progress."),
        ("OUT_OF_MEMORY", "ended as OUT_OF_MEMORY. Give it more: resources.train.tuned.memory_gb."),
    ],
)
def test_a_job_without_new_outputs_is_a_failure_whatever_its_state(
    told: Told, before: str | None, state: str, words: str
) -> None:
    if before:
        Path("manifest.csv").write_text(before)
    info = submitted()
    assert not told.goes_on(info, State(state))
    assert [said.strip() for said in told.told] == [f"train-tuned: SLURM job 7 {words}"]
    assert info.job.attempt == 1  # Snakemake has unused retries


@pytest.mark.parametrize(("state", "words"), [("CANCELLED", "was cancelled"), ("TIMEOUT", "hours")])
def test_what_no_retry_mends_is_not_retried(told: Told, state: str, words: str) -> None:
    info = submitted()
    assert not told.goes_on(info, State(state))
    assert words in told.told[0]
    assert info.job.attempt > info.job.restart_times


def test_a_training_that_is_ahead_is_sent_again_and_no_failure_is_reported(told: Told) -> None:
    info = submitted()
    record(3)
    assert not told.goes_on(info, State("TIMEOUT", seconds=180, limit=180))
    assert told.told == [
        "train-tuned: SLURM job 7 stopped at its time limit of 3 minutes at epoch 1, 3 of 9 batches done, goes on.",
        "sent again",
    ]
    assert info.job.attempt == 1


@pytest.mark.parametrize("way", ["Ctrl-C", "SIGTERM"])
def test_nothing_is_sent_again_by_a_snakemake_that_was_told_to_end(told: Told, way: str) -> None:
    info = submitted()
    record(3)
    told.leaving, told.workflow.scheduler._user_kill = way == "Ctrl-C", "graceful" if way == "SIGTERM" else None
    assert not told.goes_on(info, State("TIMEOUT", seconds=180, limit=180))
    assert "sent again" not in told.told


def test_progress_that_another_machine_has_written_may_be_seen_late(told: Told) -> None:
    told.workflow.execution_settings.latency_wait = 60
    info = submitted()
    late = State("TIMEOUT", seconds=180, limit=180)
    assert told.goes_on(info, late)
    assert told.told == []
    record(3)
    assert not told.goes_on(info, late)
    assert told.told[-1] == "sent again"


def record(step: int) -> None:
    """Write the progress file that a training leaves beside its checkpoint."""
    made = status.Progress("key", step, f"epoch 1, {step} of 9 batches done", 0.1)
    status.write(HERE.checkpoints("tuned"), made)


@pytest.mark.parametrize("state", ["COMPLETED", "", "NODE_FAIL", "PREEMPTED"])
def test_in_doubt_it_is_asked_again_for_a_while(told: Told, monkeypatch: pytest.MonkeyPatch, state: str) -> None:
    monkeypatch.setattr(executor, "PATIENCE", 60.0)
    told.workflow.execution_settings.latency_wait = 60
    assert told.goes_on(submitted(), State(state))
    assert told.told == []


def test_a_job_that_slurm_forgot_is_a_failure_even_where_its_outputs_are_new(told: Told) -> None:
    info = submitted()
    Path("manifest.csv").write_text("new")
    assert not told.goes_on(info, State())
    assert [said.strip() for said in told.told] == [
        "train-tuned: SLURM job 7 is unknown to SLURM by now: not taken for a success."
    ]


def test_nothing_is_submitted_before_slurm_says_what_is_in_the_queue(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([None, None, [["8", "RUNNING", "elsewhere"]]])
    monkeypatch.setattr(states, "lines", lambda command: next(answers))
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    told.end_strays(submitted().job)
    assert next(answers, "all asked") == "all asked"


def test_where_a_cancelled_job_does_not_end_no_other_is_submitted(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    cancelled = []
    monkeypatch.setattr(states, "lines", lambda command: [["7", "RUNNING", "here"]])
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    monkeypatch.setattr("subprocess.run", lambda command, check: cancelled.append(command))
    told.run_job(submitted().job)
    assert told.told == [
        "train-tuned: cancelling job 7, which is still in the queue.",
        "train-tuned was not submitted: job 7 of it was cancelled, but does not end. ",
    ]
    assert cancelled == [["scancel", "7"]]


def test_an_ending_job_is_waited_for_without_a_word(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor, "PATIENCE", 60.0)
    answers = iter([[["7", "COMPLETING", "here"]], []])
    monkeypatch.setattr(states, "lines", lambda command: next(answers))
    monkeypatch.setattr("subprocess.run", lambda command, check: pytest.fail("it is ending already"))
    told.end_strays(submitted().job)
    assert told.told == []


ME = getpass.getuser()


@pytest.mark.parametrize(
    ("command", "line", "expected"),
    [
        ("sacct", ["7", f"CANCELLED by {os.getuid()}", "00:01:30", "03:00:00"], State("CANCELLED", ME, 90, 10800)),
        ("sacct", ["7", "CANCELLED by 987654321", "00:00:00", "UNLIMITED"], State("CANCELLED", "user 987654321", 0)),
        ("sacct", ["7", "TIMEOUT", "1-00:00:18", "1-00:00:00"], State("TIMEOUT", "", 86418, 86400)),
        ("sacct", ["7", "PENDING", "00:00:00", "Partition_Limit"], State("PENDING")),
        ("squeue", ["7", "RUNNING", "1:30", "2:00"], State("RUNNING", "", 90, 120)),
        ("squeue", ["7", "CANCELLED", "INVALID", "UNLIMITED"], State("CANCELLED")),
    ],
)
def test_what_slurm_says_is_understood(
    monkeypatch: pytest.MonkeyPatch, command: str, line: list[str], expected: State
) -> None:
    monkeypatch.setattr(states, "lines", lambda asked: [line, ["8", "RUNNING", "0:01", "1:00"]])
    assert states.ask(["7"], command) == {"7": expected}


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
    snakemake = here.train("killed")
    here.held("killed")
    number = here.number("killed")
    here.hold("killed", at=1)  # the next attempt
    lies.write_text(f"s/^{number}|RUNNING.*/{number}|COMPLETED/\n")
    snakemake.wait_for(f"train-killed: SLURM job {number} ended, but its outputs are missing or older than it")
    snakemake.wait_for(f"train-killed: cancelling job {number}, which is still in the queue.")
    here.held("killed")
    here.release("killed")
    snakemake.succeed()
    assert made(here.folder, "killed") == undisturbed
    assert here.places("killed") == ["epoch 2, 4 of 4 batches done"]
    lied, true = here.runs("killed")
    assert (lied["State"].split()[0], true["State"]) == ("CANCELLED", "COMPLETED")
    assert lied["End"] <= true["Start"]
