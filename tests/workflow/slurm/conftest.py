"""Clusters for the tests of this folder: started once, ended with every process of theirs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.workflow.conftest import Workplace, checkout
from tests.workflow.slurm import configuration
from tests.workflow.slurm.cluster import Cluster
from tests.workflow.slurm.submitting import Submitting, made, submitting

STUDY = Path(__file__).parent / "study.yaml"
# All of one kind, so that the same must come of each.
MODELS = ("killed", "cancelled", "limited", "stuck", "moved")


# A fixture's name, and whether its cluster has accounting.
CLUSTERS = {"cluster": True, "cluster_without_accounting": False}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what stands on a cluster where SLURM is not installed, before any other fixture is made."""
    for item in items:
        for accounting in [CLUSTERS[name] for name in getattr(item, "fixturenames", ()) if name in CLUSTERS]:
            if missing := configuration.missing(accounting):
                item.add_marker(pytest.mark.skip(reason=missing))


def run_cluster(tmp_path_factory: pytest.TempPathFactory, name: str, accounting: bool) -> Iterator[Cluster]:
    """A cluster for as long as it is needed."""
    cluster = Cluster(tmp_path_factory.mktemp(name), accounting=accounting)
    try:
        cluster.up()
        yield cluster
    finally:
        cluster.down()


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two nodes with two GPUs each, and accounting."""
    yield from run_cluster(tmp_path_factory, "slurm", accounting=True)


@pytest.fixture(scope="session")
def cluster_without_accounting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The same without accounting, as small sites run it."""
    yield from run_cluster(tmp_path_factory, "slurm-bare", accounting=False)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """A checkout in which all is made that trainings need, and one of them: `undisturbed`, of 16 steps in 4 epochs."""
    place = checkout(tmp_path_factory.mktemp("prepared") / "sitter")
    params = yaml.safe_load(STUDY.read_text())
    tuned = params["models"]["base"] | {"adaptation": {"kind": "head"}, "loss": {"kind": "triplet", "margin": 0.3}}
    params |= {
        "models": dict.fromkeys(("undisturbed", *MODELS), tuned),
        "train": params["train"] | {"sitters": 3, "epochs": 4, "checkpoint_seconds": 0},
        "resources": {"train": {"all": {"gpus": 0, "cpus": 1, "memory_gb": 1}}},
    }
    for section in ("render", "fuse", "overlap", "explain"):
        del params[section]
    (place.folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    place.call("snakemake", "--", "models/undisturbed/manifest.csv")
    return place


@pytest.fixture(scope="session")
def undisturbed(prepared: Workplace) -> dict[str, bytes]:
    """What comes of a training that nothing has disturbed, on this machine and without SLURM."""
    return made(prepared.folder, "undisturbed")


@pytest.fixture
def here(prepared: Workplace, cluster: Cluster, tmp_path: Path) -> Iterator[Submitting]:
    """A checkout on the cluster with accounting."""
    with submitting(prepared, cluster, tmp_path) as here:
        yield here
