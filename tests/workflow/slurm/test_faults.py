"""Whatever ends a training too early on a cluster, it resumes where it was, and ends with the same bytes."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.training import status
from tests.workflow.conftest import Workplace
from tests.workflow.slurm.cluster import Cluster
from tests.workflow.slurm.submitting import Submitting, made, submitting, until

pytestmark = pytest.mark.slow

# A training that is held at the 7th of its 16 steps has 6 on disk. If a signal stops it, it writes the 7th and the 8th.
EIGHT = "epoch 2, 4 of 4 batches done"
# If the next attempt is held as it writes its 2nd checkpoint, the 9th step is on disk. If that happens again, and a
# signal stops the training, it writes the 11th and the 12th.
NINE, TWELVE = "epoch 3, 1 of 4 batches done", "epoch 3, 4 of 4 batches done"
STAYING = ("cancelled", "limited", "stuck")


@dataclass
class Disturbed:
    """A Snakemake run with disturbed trainings, and the id of each training's first SLURM job."""

    here: Submitting
    numbers: dict[str, str]

    @property
    def words(self) -> str:
        """The output of its first Snakemake."""
        return self.here.started[0].words


@pytest.fixture(scope="module")
def stories(
    prepared: Workplace, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Disturbed, Disturbed]]:
    """Disturb trainings on the first node and, at the same time, one training that loses the second node."""
    folders = [tmp_path_factory.mktemp(name) for name in ("disturbed", "moved")]
    with submitting(prepared, cluster, folders[0]) as one, submitting(prepared, cluster, folders[1]) as other:
        with ThreadPoolExecutor() as pool:
            told = [pool.submit(disturb, one), pool.submit(move, other)]
        yield told[0].result(), told[1].result()


def disturb(here: Submitting) -> Disturbed:
    """Run three trainings: `cancelled` is cancelled, and `stuck` meets its time limit before its first step.

    `limited` is stopped at its time limit, then killed, then stopped by a signal.
    """
    for model in STAYING:
        here.hold(model, at=0 if model == "stuck" else 7)
    where = ("train:slurm_partition=low", "train:slurm_extra='--nodelist=n1'")
    with here.partition_down("low"):
        snakemake = here.train(*STAYING, options=("--set-resources", *where))
        until(lambda: len(here.in_queue()) == len(STAYING), "all in the queue")
        here.place.change("train.epochs", 1)  # this has no effect on jobs that are submitted
    for model in STAYING:
        here.held(model)
    numbers = {model: here.number(model) for model in STAYING}
    for model in ("limited", "stuck"):
        # The limit is in minutes. It is so near that SLURM sends its warning at the next check, within 30 seconds.
        here.cluster.call("scontrol", "update", f"JobId={numbers[model]}", "TimeLimit=2")
    here.hold("limited", at=2)
    here.cluster.cancel(numbers["cancelled"])
    training = here.held("limited")
    here.hold("limited", at=2)
    os.kill(training, signal.SIGKILL)
    here.held("limited")
    here.cluster.call("scancel", "--signal=TERM", here.number("limited"))
    assert snakemake.end() == 1
    return Disturbed(here, numbers)


def move(here: Submitting) -> Disturbed:
    """Run a training that is preempted, and then loses its node."""
    here.hold("moved")
    where = ("train:slurm_partition=low", "train:slurm_extra='--nodelist=n2'")
    snakemake = here.train("moved", options=("--set-resources", *where))
    here.held("moved")
    number = here.number("moved")
    here.hold("moved", at=2)
    urgent = here.cluster.submit("true", "--partition=high", "--exclusive", "--nodelist=n2")
    here.cluster.wait_for(urgent, "COMPLETED")
    here.held("moved")
    here.cluster.wait_for(number, "RUNNING")
    here.cluster.kill_node("n2")
    try:
        until(lambda: here.cluster.job(number)["Restarts"] == "2", "the node's death noticed")
        here.cluster.call("scontrol", "hold", number)
    finally:
        here.cluster.revive_node("n2")
    # A real node is away for minutes. This one is back at once, and refuses a job whose old credential has not expired
    # there, so that the job would fail: the job waits for longer than `cred_expire` in slurm.conf.
    time.sleep(10)
    here.cluster.call("scontrol", "release", number)
    snakemake.succeed()
    return Disturbed(here, {"moved": number})


@pytest.fixture(scope="module")
def disturbed(stories: tuple[Disturbed, Disturbed]) -> Disturbed:
    """Return the disturbed trainings of the first node."""
    return stories[0]


@pytest.fixture(scope="module")
def moved(stories: tuple[Disturbed, Disturbed]) -> Disturbed:
    """Return the disturbed training of the second node."""
    return stories[1]


@pytest.mark.parametrize("model", ["limited", "moved"])
def test_what_was_disturbed_ends_in_the_same_bytes_with_a_whole_history_by_the_study_as_it_was_when_sent(
    stories: tuple[Disturbed, Disturbed], undisturbed: dict[str, bytes], model: str
) -> None:
    here = stories[model == "moved"].here
    assert made(here.folder, model) == undisturbed
    assert [line.split(b",")[0] for line in undisturbed["history.csv"].split()] == [b"epoch", *b"0 1 2 3 4".split()]
    if model != "moved":
        assert "epochs: 1" in here.place.text("params.yaml")


def test_a_training_that_is_stopped_goes_on_for_free_and_one_that_is_killed_spends_one_retry(
    disturbed: Disturbed,
) -> None:
    first, second, third, _ = (run["JobID"] for run in disturbed.here.runs("limited"))
    told = re.findall(r"^(?:    message: )?train-limited: SLURM job (\d+ .*?\.)(?: |$)", disturbed.words, re.M)
    assert told == [
        f"{first} stopped at its time limit of 2 minutes at {EIGHT}, goes on.",
        f"{second} ended as FAILED.",
        f"{third} was stopped by SIGTERM at {TWELVE}, goes on.",
    ]
    assert disturbed.words.count("Trying to restart job") == 1
    assert disturbed.here.places("limited") == [EIGHT, NINE, TWELVE]
    assert [run["State"] for run in disturbed.here.runs("limited")] == ["FAILED", "FAILED", "FAILED", "COMPLETED"]
    said = disturbed.here.place.text("logs/train/limited.log").partition("==== attempt 2 began")[0]
    assert f"stopped by SIGTERM; a checkpoint is written, run it again to go on from {EIGHT}" in said


def test_its_log_tells_of_all_attempts(disturbed: Disturbed) -> None:
    log = disturbed.here.place.text("logs/train/limited.log")
    began = re.findall(r"^==== attempt (\d) began \d{4}-\d\d-\d\d \d\d:\d\d:\d\d, SLURM job (\d+)$", log, re.M)
    assert began == [(str(n), run["JobID"]) for n, run in enumerate(disturbed.here.runs("limited"), start=1)]
    assert re.findall(r"^==== attempt \d ended \S+ \S+: (\w+)", log, re.M) == ["stopped", "failed", "stopped", "done"]


def test_a_training_that_makes_no_progress_within_its_limit_fails_at_once(disturbed: Disturbed) -> None:
    number = disturbed.numbers["stuck"]
    assert f"train-stuck: SLURM job {number} made no progress within its time limit of 2 minutes" in disturbed.words
    assert "raise resources.train.stuck.hours" in disturbed.words
    assert [run["State"] for run in disturbed.here.runs("stuck")] == ["FAILED"]


def test_a_job_that_was_cancelled_has_written_a_checkpoint_and_is_not_sent_again(disturbed: Disturbed) -> None:
    here, number = disturbed.here, disturbed.numbers["cancelled"]
    by = Path.home().owner()
    assert f"train-cancelled: SLURM job {number} was cancelled by {by}, so it is not sent again." in disturbed.words
    assert [run["State"].split()[0] for run in here.runs("cancelled")] == ["CANCELLED"]
    written = status.read(here.folder / "checkpoints/cancelled")
    assert written is not None
    assert written.place == EIGHT


def test_a_job_that_is_preempted_and_loses_its_node_stays_one_job(moved: Disturbed) -> None:
    assert "train-moved: SLURM job" not in moved.words  # none of Snakemake's attempts was used
    number = moved.numbers["moved"]
    assert [(run["JobID"], run["State"]) for run in moved.here.runs("moved")] == [
        (number, "PREEMPTED"), (number, "NODE_FAIL"), (number, "COMPLETED"),
    ]  # fmt: skip
    assert moved.here.places("moved") == [EIGHT, NINE]


def test_without_accounting_the_queue_is_asked_and_a_controller_that_is_away_is_asked_on(
    prepared: Workplace, cluster_without_accounting: Cluster, undisturbed: dict[str, bytes]
) -> None:
    with submitting(prepared, cluster_without_accounting, cluster_without_accounting.folder) as here:
        here.hold("killed")
        snakemake = here.train("killed", options=("--retries", "0"))
        here.held("killed")
        here.cluster.stop_controller()
        snakemake.wait_for("SLURM does not answer; still asking.")
        here.release("killed")
        until((here.folder / "models/killed/manifest.csv").exists, "the training's end")
        here.cluster.start_controller()
        assert "SLURM answers again." in snakemake.succeed()
        assert made(here.folder, "killed") == undisturbed
        states = [job["State"] for job in here.cluster.jobs("JobName", "State") if job["JobName"] == "train-killed"]
        assert states == ["COMPLETED"]
