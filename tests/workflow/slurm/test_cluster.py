"""The test clusters, which the other tests of this folder use, behave like a real cluster."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from tests.programs import needs
from tests.workflow.slurm import configuration
from tests.workflow.slurm.cluster import Cluster, ClusterError


def until(true: Callable[[], object], timeout: float = 40) -> None:
    deadline = time.monotonic() + timeout
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def output(cluster: Cluster, job: str) -> list[str]:
    return sorted((cluster.folder / f"log/{job}.out").read_text().splitlines())


def sockets_of(process: psutil.Process) -> list[str]:
    try:
        return [str(socket.laddr) for socket in process.net_connections("unix")]
    except psutil.Error:
        return []


def processes_of(cluster: Cluster) -> list[str]:
    """Return the processes with the cluster's folder in their command line, environment or sockets."""
    found = []
    for process in psutil.process_iter(["cmdline", "environ", "status"]):
        words = [*(process.info["cmdline"] or []), *(process.info["environ"] or {}).values()]
        words += sockets_of(process)
        if process.info["status"] != psutil.STATUS_ZOMBIE and any(str(cluster.folder) in word for word in words):
            found.append(" ".join(process.info["cmdline"] or []))
    return found


def test_its_nodes_are_idle_and_starting_it_again_changes_nothing(cluster: Cluster) -> None:
    before = sorted(processes_of(cluster))
    cluster.up()
    assert sorted(processes_of(cluster)) == before
    until(lambda: cluster.nodes() == {"n1": "idle", "n2": "idle"})


def test_two_jobs_run_at_once_each_on_its_node_with_the_gpus_asked_for(cluster: Cluster, tmp_path: Path) -> None:
    script = f"echo $SLURMD_NODENAME $CUDA_VISIBLE_DEVICES; until [ -e {tmp_path}/go ]; do sleep 0.1; done"
    first, second = (cluster.submit(script, "-p", "gpu", "--gres=gpu:2", f"-w{node}") for node in ("n1", "n2"))
    for job in (first, second):
        cluster.wait_for(job, "RUNNING")
    (tmp_path / "go").touch()
    for job in (first, second):
        cluster.wait_for(job, "COMPLETED")
    assert output(cluster, first) + output(cluster, second) == ["n1 0,1", "n2 0,1"]


def test_srun_starts_ranked_tasks_on_both_nodes(cluster: Cluster) -> None:
    task = "echo $SLURM_PROCID of $SLURM_NTASKS: $SLURM_LOCALID on $SLURMD_NODENAME"
    job = cluster.submit(f"srun bash -c '{task}'", "-N2", "--ntasks-per-node=2")
    cluster.wait_for(job, "COMPLETED")
    assert output(cluster, job) == ["0 of 4: 0 on n1", "1 of 4: 1 on n1", "2 of 4: 0 on n2", "3 of 4: 1 on n2"]


def test_the_accounting_knows_a_job(cluster: Cluster) -> None:
    job = cluster.submit("exit 3", "-J", "failing", "--comment=a job", "--mem=200", "--gres=gpu:1")
    cluster.wait_for(job, "FAILED")
    row: dict[str, str] = {}

    def is_accounted() -> bool:
        row.update(*(row for row in cluster.jobs() if row["JobID"] == job))
        return row.get("State") == "FAILED"

    until(is_accounted)
    assert (row["JobName"], row["Comment"], row["ReqMem"], row["ExitCode"]) == ("failing", "a job", "200M", "3:0")
    assert "gres/gpu=1" in row["AllocTRES"]


def test_a_job_outlives_the_controller(cluster: Cluster, tmp_path: Path) -> None:
    job = cluster.submit(f"until [ -e {tmp_path}/go ]; do sleep 0.1; done")
    cluster.wait_for(job, "RUNNING")
    cluster.stop_controller()
    assert not any(command.startswith("slurmctld") for command in processes_of(cluster))
    cluster.start_controller()
    cluster.wait_for(job, "RUNNING")
    (tmp_path / "go").touch()
    assert cluster.wait_for(job, "COMPLETED")["Restarts"] == "0"


def test_a_dead_node_takes_its_processes_along_and_its_jobs_go_elsewhere(cluster: Cluster, tmp_path: Path) -> None:
    script = f"env -i sleep 987.25 & echo $SLURMD_NODENAME >> {tmp_path}/nodes; srun sleep 987.25"
    moving = cluster.submit(script)
    node = cluster.wait_for(moving, "RUNNING")["NodeList"]
    lost = cluster.submit("sleep 987.25", "--no-requeue", f"-w{node}")
    cluster.wait_for(lost, "RUNNING")
    until(lambda: len(sleepers()) == 3)
    cluster.kill_node(node)
    assert sleepers() == []
    cluster.wait_for(lost, "NODE_FAIL")
    assert cluster.nodes()[node].startswith("down")
    found = cluster.wait_for(moving, "RUNNING")
    other = {"n1": "n2", "n2": "n1"}[node]
    assert (found["NodeList"], found["Restarts"]) == (other, "1")
    until(lambda: (tmp_path / "nodes").read_text().split() == [node, other])
    cluster.cancel(moving)
    cluster.revive_node(node)
    job = cluster.submit("true", f"-w{node}")
    cluster.wait_for(job, "COMPLETED")


def sleepers() -> list[psutil.Process]:
    return [p for p in psutil.process_iter(["cmdline"]) if (p.info["cmdline"] or [])[1:] == ["987.25"]]


def test_two_clusters_side_by_side_and_one_ends_without_a_trace(
    cluster: Cluster, cluster_without_accounting: Cluster
) -> None:
    bare = cluster_without_accounting
    job = bare.submit("sleep 987", "-J", "waiting")
    bare.wait_for(job, "RUNNING")
    assert [row["JobName"] for row in bare.jobs() if row["State"] == "RUNNING"] == ["waiting"]
    bare.down()
    assert processes_of(bare) == []
    assert "down" not in cluster.nodes().values()
    bare.up()
    assert job in [row["JobID"] for row in bare.jobs()]
    bare.cancel(job)


@needs(*configuration.NEEDED)
def test_a_daemon_that_does_not_come_up_is_reported_with_its_log(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, accounting=False)
    configuration.write(tmp_path, 1, 0, accounting=False)
    with (tmp_path / "slurm.conf").open("a") as file:
        file.write("SelectType=select/unknown\n")
    with pytest.raises(ClusterError, match="select/unknown"):
        cluster.up()
    cluster.down()
    assert processes_of(cluster) == []


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configuration, "SEARCH_PATH", "")
    with pytest.raises(ClusterError, match=r"munged.*apt install munge slurm-wlm slurmdbd mariadb-server"):
        Cluster(Path("nowhere")).up()
