"""The resources that jobs request from a cluster, by params.yaml and the profile's defaults, for the executor."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from pipeline import params
from pipeline.core.errors import SitterError
from rules.cluster import NAMES, asked, locally

PROJECT = Path(__file__).parents[2]
DEFAULTS = {"cpus": 4, "gpu_count": 1, "mem_mb": 8000, "runtime": 240}


def study(**resources: object) -> params.Study:
    """Return the demo study with these resources."""
    return params.check(yaml.safe_load((PROJECT / "params.yaml").read_text()) | {"resources": resources})


def request(stage: str, name: str, defaults=DEFAULTS, **resources: object) -> dict[str, object]:
    """Return the requested resources; all others must be None."""
    found = asked(study(**resources), stage, name, defaults)
    assert set(found) == set(NAMES)
    return {key: value for key, value in found.items() if value is not None}


def test_what_the_study_does_not_say_is_the_profiles():
    plain = {"cpus_per_task": 4, "mem_mb": 8000, "runtime": 240, "launch": ""}
    assert request("evaluate", "all") == plain
    assert request("train", "dlib-lora") == plain | {"gpu_count": 1, "gres": "gpu:1"}
    assert request("embed", "dlib") == plain | {"gpu_count": 1, "gres": "gpu:1"}
    assert request("train", "dlib") == plain, "a frozen model is only recorded"
    assert request("train", "dlib-lora", DEFAULTS | {"gpu_type": "a100"})["gres"] == "gpu:a100:1"


def test_a_models_own_field_goes_before_that_of_all():
    resources = {"train": {"all": {"cpus": 2, "gpus": 0, "hours": 0.25}, "dlib-lora": {"cpus": 8, "memory_gb": 1.5}}}
    found = request("train", "dlib-lora", **resources)
    assert found == {"cpus_per_task": 8, "mem_mb": 1536, "runtime": 15, "launch": ""}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"gpus": 4}, {"nodes": 1, "tasks_per_node": 4, "gres": "gpu:4"}),
        ({"gpus": 4, "nodes": 2}, {"nodes": 2, "tasks_per_node": 4, "gres": "gpu:4"}),
        ({"gpus": 1, "nodes": 2}, {"nodes": 2, "tasks": 2, "tasks_per_gpu": 0, "gres": "gpu:1"}),
        ({"gpus": 0, "nodes": 2, "processes": 3}, {"nodes": 2, "tasks_per_node": 3}),
    ],
)
def test_several_processes_are_started_by_srun(fields, expected):
    found = request("train", "dlib-lora", train={"dlib-lora": fields})
    launch = found["launch"]
    assert {key: found[key] for key in expected} == expected
    assert found["mpi"] == "srun"
    each = fields.get("processes") or fields["gpus"]
    assert launch.startswith(f"srun --nodes={expected['nodes']} --ntasks-per-node={each} --cpus-per-task=4 ")
    assert ("--gres=gpu" in launch) == (fields["gpus"] > 0)
    assert launch.endswith("sh rules/rank.sh")
    assert "mpi" not in request("train", "dlib", train={"dlib": fields}), "a frozen model"


def test_an_alignment_in_parts_goes_wherever_there_is_room():
    found = request("align", "orl", align={"orl": {"parts": 6, "cpus": 2}})
    assert (found["tasks"], found["mpi"], found.get("nodes")) == (6, "srun", None)
    assert "--ntasks=6 --cpus-per-task=2" in found["launch"]


def test_without_a_cluster_several_gpus_are_a_process_each():
    assert (
        locally(study(train={"dlib-lora": {"gpus": 4}}), "train", "dlib-lora")["launch"].count("nproc-per-node=4") == 1
    )
    assert locally(study(train={"all": {"gpus": 1, "nodes": 2}}), "train", "dlib-lora")["launch"] == ""
    assert locally(study(train={"all": {"gpus": 4}}), "train", "dlib")["launch"] == ""


@pytest.mark.parametrize(
    ("resources", "words"),
    [
        ({"train": {"dlib-loar": {"gpus": 1}}}, "resources.train.dlib-loar is 'dlib-loar'.*did you mean 'dlib-lora'"),
        ({"train": {"all": {"gpu": 1}}}, "resources.train.all: unknown field 'gpu'; did you mean 'gpus'"),
        ({"trian": {}}, "unknown field 'trian'; did you mean 'train'"),
        ({"embed": {"all": {"hours": 0}}}, "resources.embed.all.hours is 0; expected: greater than 0"),
        ({"train": {"dlib-head": {"nodes": 9, "processes": 2}}}, "9 nodes × 2 processes are 18.*only 16 sitters"),
    ],
)
def test_mistakes_are_told_before_any_work(resources, words):
    with pytest.raises(SitterError, match=words):
        study(**resources)


def test_what_is_asked_for_makes_nothing_stale():
    from pipeline.plan.stages import jobs

    def counted(a_study):
        return {key for job in jobs(a_study) for key in job.parameters}

    assert not {key for key in counted(study(train={"all": {"gpus": 0}})) if key.startswith("resources")}
