"""Clusters for the tests of this folder: started once, ended with every process of theirs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.workflow.slurm import configuration
from tests.workflow.slurm.cluster import Cluster


def run_cluster(tmp_path_factory: pytest.TempPathFactory, name: str, accounting: bool) -> Iterator[Cluster]:
    """A cluster for as long as it is needed; skips where SLURM is not installed."""
    if missing := configuration.missing(accounting):
        pytest.skip(missing)
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
