"""What no cluster could give is found out before anything is submitted."""

from __future__ import annotations

import pytest

from tests.workflow.slurm.submitting import Submitting

pytestmark = pytest.mark.slow


def test_each_model_that_asks_for_too_much_is_named_with_the_field(here: Submitting) -> None:
    asked = {
        "stuck": {"hours": 30},
        "killed": {"gpus": 3},
        "cancelled": {"memory_gb": 64},
        "limited": {"nodes": 3},
        "moved": {"cpus": 2},
    }
    for model, resources in asked.items():
        here.place.change(f"resources.train.{model}", resources)
    planned = here.snakemake("-n", "all")
    assert planned.end() == 1
    lines = [line for line in planned.words.splitlines() if line.startswith("resources.")]
    assert [*lines[:2], lines[3]] == [
        "resources.train.killed.gpus: 3 GPUs on a node are requested; the default partition gives at most 2.",
        "resources.train.cancelled.memory_gb: 65536 MB of memory on a node are requested; "
        "the default partition gives at most 16000.",
        "resources.train.stuck.hours: 1800 minutes are requested; the default partition gives at most 1440. "
        "A training resumes in the next job: request that much.",
    ]
    assert lines[2].startswith("resources.train.limited.nodes: 3 nodes are requested that have all of ")
    assert lines[2].endswith("; the default partition has 2.")
    assert len(lines) == 4
    assert here.in_queue() == []


def test_a_partition_that_the_cluster_does_not_have_is_answered_with_the_nearest(here: Submitting) -> None:
    profile = here.folder / "profiles/slurm/config.yaml"
    profile.write_text(profile.read_text().replace("# slurm_partition: \"'gpu'\"", "slurm_partition: \"'gqu'\""))
    planned = here.snakemake("-n", "all")
    assert planned.end() == 1
    told = "the profile's slurm_partition is 'gqu', which the cluster does not have; did you mean 'gpu'?"
    assert planned.words.count(told) == 1
    assert here.in_queue() == []
