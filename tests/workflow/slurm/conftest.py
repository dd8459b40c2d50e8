"""Clusters for the tests of this folder: each starts once, and ends with all of its processes."""

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
# These models have the same settings, so their results must be the same.
MODELS = ("killed", "cancelled", "limited", "stuck", "moved")


# Names of fixtures, and whether their cluster has accounting.
CLUSTERS = {"cluster": True, "cluster_without_accounting": False}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip tests that need a cluster if SLURM is not installed, before any other fixture is made."""
    for item in items:
        for accounting in [CLUSTERS[name] for name in getattr(item, "fixturenames", ()) if name in CLUSTERS]:
            if missing := configuration.missing(accounting):
                item.add_marker(pytest.mark.skip(reason=missing))


def run_cluster(tmp_path_factory: pytest.TempPathFactory, name: str, accounting: bool) -> Iterator[Cluster]:
    """Start a cluster, yield it, and end it."""
    cluster = Cluster(tmp_path_factory.mktemp(name), accounting=accounting)
    try:
        cluster.up()
        yield cluster
    finally:
        cluster.down()


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster of two nodes with two GPUs each, with accounting."""
    yield from run_cluster(tmp_path_factory, "slurm", accounting=True)


@pytest.fixture(scope="session")
def cluster_without_accounting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The same cluster without accounting, as small sites run it."""
    yield from run_cluster(tmp_path_factory, "slurm-bare", accounting=False)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """Return a checkout with all inputs of trainings, and one trained model: `undisturbed`, 16 steps in 4 epochs."""
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
    """Return the files of a training without disturbance, on this machine and without SLURM."""
    return made(prepared.folder, "undisturbed")


@pytest.fixture
def here(prepared: Workplace, cluster: Cluster, tmp_path: Path) -> Iterator[Submitting]:
    """Yield a checkout on the cluster with accounting."""
    with submitting(prepared, cluster, tmp_path) as here:
        yield here
