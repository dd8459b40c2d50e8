"""Everything that can end a training too early on a cluster: each goes on where it was, and ends in the same bytes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from tests.workflow.conftest import Workplace
from tests.workflow.slurm.cluster import Cluster
from tests.workflow.slurm.conftest import MODELS
from tests.workflow.slurm.submitting import Snakemake, Submitting, made, submitting, until

pytestmark = pytest.mark.slow

# A training that is held at its 7th of 16 steps has 6 on disk; told to stop, it makes and writes the 7th and the 8th.
SIX, EIGHT = "epoch 2, 2 of 4 batches done", "epoch 2, 4 of 4 batches done"


@pytest.fixture(scope="module")
def disturbed(
    prepared: Workplace, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Submitting, dict[str, str]]]:
    """One Snakemake and four trainings, each with its misfortunes; and the number of each one's first SLURM job."""
    with submitting(prepared, cluster, tmp_path_factory.mktemp("disturbed")) as here:
        for model in MODELS:
            here.hold(model)
        with here.partition_down("low"):
            snakemake = here.train(*MODELS, options=("--set-resources", "train:slurm_partition=low"))
            until(lambda: len(here.in_queue()) == len(MODELS), "all in the queue")
            here.place.change("train.epochs", 1)  # of no effect on what has been sent
        training = {model: here.held(model) for model in MODELS}
        numbers = {model: here.number(model) for model in MODELS}
        for model in ("cancelled", "moved"):  # what SLURM ends itself is held up again later on
            here.hold(model, at=2)
        # In minutes: so near that SLURM warns of it the next time that it looks, every 30 seconds.
        cluster.call("scontrol", "update", f"JobId={numbers['limited']}", "TimeLimit=2")
        os.kill(training["killed"], signal.SIGKILL)
        cluster.cancel(numbers["cancelled"])
        cluster.requeue(numbers["moved"])
        here.held("cancelled")
        here.release("cancelled")
        move(here, numbers["moved"], snakemake)
        snakemake.succeed()
        yield here, numbers


def move(here: Submitting, number: str, snakemake: Snakemake) -> None:
    """A job that was requeued is preempted, and then its node dies."""
    here.held("moved")
    # What else is on the node would be disturbed, too.
    others = [here.folder / "models" / model / "manifest.csv" for model in MODELS if model != "moved"]
    until(lambda: all(map(os.path.exists, others)) and here.in_queue() == ["train-moved"], "the others done", 240)
    here.hold("moved", at=2)
    node = here.cluster.wait_for(number, "RUNNING")["NodeList"]
    urgent = here.cluster.submit("true", "--partition=high", "--exclusive", f"--nodelist={node}")
    here.cluster.wait_for(urgent, "COMPLETED")
    here.held("moved")
    node = here.cluster.wait_for(number, "RUNNING")["NodeList"]
    here.cluster.kill_node(node)
    try:
        here.cluster.wait_for(number, "COMPLETED", timeout=180)
    finally:
        here.cluster.revive_node(node)


@pytest.mark.parametrize("model", MODELS)
def test_what_was_disturbed_ends_in_the_same_bytes_with_a_whole_history_by_the_study_as_it_was_when_sent(
    disturbed: tuple[Submitting, dict[str, str]], undisturbed: dict[str, bytes], model: str
) -> None:
    here, _ = disturbed
    assert made(here.folder, model) == undisturbed
    assert [line.split(b",")[0] for line in undisturbed["history.csv"].split()] == [b"epoch", *b"0 1 2 3 4".split()]
    assert "epochs: 1" in here.place.text("params.yaml")


def test_a_training_that_was_killed_goes_on_from_its_last_checkpoint(
    disturbed: tuple[Submitting, dict[str, str]],
) -> None:
    here, numbers = disturbed
    assert here.places("killed") == [SIX]
    assert f"train-killed: SLURM job {numbers['killed']} ended as FAILED" in here.started[0].words
    assert [run["State"] for run in here.runs("killed")] == ["FAILED", "COMPLETED"]


def test_a_job_that_was_cancelled_goes_on_in_the_next_attempt(disturbed: tuple[Submitting, dict[str, str]]) -> None:
    here, numbers = disturbed
    assert here.places("cancelled") == [EIGHT]
    assert f"train-cancelled: SLURM job {numbers['cancelled']} ended as CANCELLED" in here.started[0].words
    assert [run["State"].split()[0] for run in here.runs("cancelled")] == ["CANCELLED", "COMPLETED"]


def test_slurm_warns_of_the_time_limit_and_the_next_attempt_goes_on_at_that_step(
    disturbed: tuple[Submitting, dict[str, str]],
) -> None:
    here, numbers = disturbed
    stopped = here.slurm_log("limited", numbers["limited"])
    assert f"stopped by SIGTERM; a checkpoint is written, run it again to go on from {EIGHT}" in stopped
    assert here.places("limited") == [EIGHT]
    assert [run["State"] for run in here.runs("limited")] == ["FAILED", "COMPLETED"]


def test_a_job_that_is_requeued_preempted_and_loses_its_node_stays_one_job(
    disturbed: tuple[Submitting, dict[str, str]],
) -> None:
    here, numbers = disturbed
    assert here.places("moved") == ["epoch 3, 4 of 4 batches done"]
    runs = here.runs("moved")
    assert {run["JobID"] for run in runs} == {numbers["moved"]}
    assert [run["State"] for run in runs] == ["REQUEUED", "PREEMPTED", "NODE_FAIL", "COMPLETED"]
    assert "train-moved: SLURM job" not in here.started[0].words  # no attempt of Snakemake's was spent


def test_a_controller_that_is_away_is_asked_on(
    prepared: Workplace, cluster_without_accounting: Cluster, undisturbed: dict[str, bytes]
) -> None:
    with submitting(prepared, cluster_without_accounting, cluster_without_accounting.folder) as here:
        here.hold("killed")
        snakemake = here.train("killed", options=("--retries", "0"))
        here.held("killed")
        here.cluster.stop_controller()
        snakemake.wait_for("SLURM does not answer, asking on.")
        here.release("killed")
        until((here.folder / "models/killed/manifest.csv").exists, "the training's end")
        here.cluster.start_controller()
        assert "SLURM answers again." in snakemake.succeed()
        assert made(here.folder, "killed") == undisturbed
