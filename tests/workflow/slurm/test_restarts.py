"""If Snakemake is killed while its jobs run, and started again, no job is lost and none runs twice."""

from __future__ import annotations

import json

import pytest

from tests.workflow.slurm.submitting import Submitting, is_alive, made

pytestmark = pytest.mark.slow


def test_jobs_of_a_killed_snakemake_are_taken_over_and_recorded_where_they_end_without_one(
    here: Submitting, undisturbed: dict[str, bytes]
) -> None:
    models = ("killed", "moved")
    for model in models:
        here.hold(model)
    first = here.train(*models)
    trainings = [here.held(model) for model in models]
    numbers = [here.number(model) for model in models]
    first.kill()
    second = here.train(*models)
    for model, number in zip(models, numbers, strict=True):
        second.wait_for(f"train-{model}: job {number} of an earlier run")
    assert all(map(is_alive, trainings))
    second.kill()
    here.release("killed")
    here.cluster.wait_for(numbers[0], "COMPLETED", timeout=120)
    third = here.train(*models)
    third.wait_for(f"train-moved: job {numbers[1]} of an earlier run")
    assert "train-killed" not in third.words
    here.release("moved")
    third.succeed()
    assert [[run["JobID"] for run in here.runs(model)] for model in models] == [[number] for number in numbers]
    assert [made(here.folder, model) for model in models] == [undisturbed] * 2


def test_a_job_of_other_parameters_is_cancelled_and_gone_before_the_new_one_starts(here: Submitting) -> None:
    here.hold("killed", how="deaf")  # it ignores SIGTERM, and stays until SLURM kills it
    first = here.train("killed")
    training = here.held("killed")
    number = here.number("killed")
    first.kill()
    here.place.change("train.epochs", 3)
    here.hold("killed", at=1)
    second = here.train("killed", options=("--retries", "0"))  # two at once would fail at the training's lock
    second.wait_for(f"train-killed: cancelling job {number}, which is still in the queue")
    here.held("killed")
    assert not is_alive(training)
    here.release("killed")
    second.succeed()
    old, new = here.runs("killed")
    assert (old["JobID"], old["State"].split()[0], new["State"]) == (number, "CANCELLED", "COMPLETED")
    assert old["End"] <= new["Start"]
    assert json.loads(made(here.folder, "killed")["metrics.json"])["epochs"] == 3
