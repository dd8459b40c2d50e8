"""A whole study runs by `snakemake --profile slurm all` on two real nodes, and `dvc repro` uses the same cluster."""

from __future__ import annotations

import csv
import re
import shutil
from itertools import combinations

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray
from safetensors.numpy import load_file

from pipeline import params
from tests.workflow.conftest import PROJECT, Workplace, checkout
from tests.workflow.slurm.cluster import Cluster
from tests.workflow.slurm.conftest import STUDY

DOCUMENT = PROJECT / "docs/slurm.md"
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", DOCUMENT.read_text(), re.M | re.S)
COMMANDS = [line for block in BLOCKS for line in block.splitlines()]
"""The commands of the document, in order: first Snakemake's, then DVC's, then SLURM's."""


@pytest.fixture(scope="module")
def studied(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """Return a study that the document's commands have finished.

    It has a frozen model, and a model that four processes trained on two nodes.
    """
    place = checkout(tmp_path_factory.mktemp("studied") / "sitter")
    shutil.copy(STUDY, place.folder / "params.yaml")
    place.commit("a study for a cluster")
    dry, real = (command for command in COMMANDS if command.startswith("snakemake"))
    assert "This was a dry-run" in typed(place, cluster, dry)
    assert accounts(cluster, place) == {}
    typed(place, cluster, real)
    return place


def typed(place: Workplace, cluster: Cluster, command: str) -> str:
    """Run a command line on a login node, and return its output."""
    return place.call("bash", "-c", command, timeout=1200, **on(cluster)).stdout


def on(cluster: Cluster) -> dict[str, str]:
    """Return the search path on a login node: the project's programs, then the cluster's."""
    path = cluster.environment()["PATH"]
    return {"PATH": f"{Workplace(cluster.folder).environment()['PATH'].split(':')[0]}:{path}"}


def accounts(cluster: Cluster, place: Workplace) -> dict[str, dict[str, str]]:
    """Return sacct's rows for the jobs of a checkout, by name."""
    fields = ("JobName", "State", "Start", "End", "NodeList", "ReqMem", "Timelimit", "AllocTRES", "WorkDir")
    return {row["JobName"]: row for row in cluster.jobs(*fields) if row["WorkDir"] == str(place.folder)}


def test_each_heavy_job_is_in_the_accounts(cluster, studied):
    jobs = accounts(cluster, studied)
    assert set(jobs) == {
        "render-painted", "align-photos", "train-base", "train-trained", "embed-base-photos", "embed-trained-photos",
        "fuse-fused", "overlap-known", "evaluate", "explain-base",
    }  # fmt: skip
    assert {job["State"] for job in jobs.values()} == {"COMPLETED"}
    assert jobs["train-trained"]["NodeList"] == "n[1-2]"
    assert "cpu=4,mem=2G,node=2" in jobs["train-trained"]["AllocTRES"]
    assert jobs["train-trained"]["Timelimit"] == "00:30:00"
    assert "gres/gpu=1" in jobs["embed-base-photos"]["AllocTRES"], "the profile's number of GPUs"
    assert "gpu" not in jobs["train-base"]["AllocTRES"]
    assert jobs["render-painted"]["ReqMem"] in ("8000M", "7.81G"), "the profile's memory"


def test_independent_jobs_run_at_once_on_both_nodes(cluster, studied):
    jobs = accounts(cluster, studied).values()
    assert any(
        one["NodeList"] != other["NodeList"] and one["Start"] < other["End"] and other["Start"] < one["End"]
        for one, other in combinations(jobs, 2)
    )


def test_logs_are_where_the_readme_says(studied):
    assert "photos: 48 images, 48 aligned" in studied.text("logs/align/photos.log")
    assert "trained: epoch" in studied.text("logs/train/trained.log")
    assert "attempt 1 ended" in studied.text("logs/train/trained.log")


def test_both_engines_have_nothing_to_do(studied):
    assert studied.snakemake_would_run() == set()
    assert studied.dvc_would_run() == set()


def test_two_nodes_by_two_processes_train_as_one_process_does(studied, tmp_path):
    here = studied.copy_to(tmp_path / "sitter")
    before = here.text("logs/train/trained.log")
    here.call("snakemake", "--forcerun", "align", "train", "--", "models/trained/manifest.csv")
    log = here.text("logs/train/trained.log")
    assert log.startswith(before), "what earlier attempts said stays"
    assert "srun" not in log[len(before) :]
    one, four = (losses(place, "trained") for place in (here, studied))
    np.testing.assert_allclose(four, one, rtol=1e-5)
    one, four = (weights(place, "trained") for place in (here, studied))
    # Adam may turn the rounding of a gradient near zero into a whole step, so a few numbers may differ a little.
    assert np.linalg.norm(four - one) < 1e-3 * np.linalg.norm(one)
    parts = [place.text("data/faces/photos/manifest.csv") for place in (here, studied)]
    assert parts[0] == parts[1], "aligned in two parts, and whole"


def weights(place: Workplace, model: str) -> NDArray[np.float32]:
    """Return all trained weights in one vector."""
    parts = load_file(place.folder / f"models/{model}/weights.safetensors")
    return np.concatenate([parts[name].ravel() for name in sorted(parts)])


def losses(place: Workplace, model: str) -> list[float]:
    with open(place.folder / f"models/{model}/history.csv") as file:
        return [float(row["loss"]) for row in csv.DictReader(file) if row["loss"]]


def test_dvc_repro_goes_through_the_same_cluster(cluster, studied):
    before = accounts(cluster, studied)
    studied.change("fuse.fused.centre", False)
    repro, status, sacct = (command for command in COMMANDS if not command.startswith("snakemake"))
    typed(studied, cluster, repro)
    assert "up to date" in typed(studied, cluster, status)
    assert "train-trained" in typed(studied, cluster, sacct)
    after = accounts(cluster, studied)
    assert {name for name in after if after[name]["Start"] != before[name]["Start"]} == {
        "fuse-fused",
        "evaluate",
    }
    assert studied.snakemake_would_run() == set()


def test_the_example_of_the_document_is_valid():
    (example,) = re.findall(r"^```yaml\n(.*?)^```$", DOCUMENT.read_text(), re.M | re.S)
    params.check(yaml.safe_load((PROJECT / "params.yaml").read_text()) | yaml.safe_load(example))
