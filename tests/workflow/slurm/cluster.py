"""A real SLURM cluster on one machine: munged, slurmctld, some slurmd and, with accounting, mariadbd and slurmdbd.

    eval "$(python -m tests.workflow.slurm.cluster up FOLDER)"
    python -m tests.workflow.slurm.cluster down FOLDER

Everything lies in the folder and listens on loopback. No daemon of the system is used or touched.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from tests.workflow.slurm import configuration

REAPER = Path(__file__).parent / "reaper.py"
# The fields of sacct, and their formats in squeue, which is asked if there is no accounting.
SQUEUE = {"JobID": "%i", "JobName": "%j", "Comment": "%k", "State": "%T", "Partition": "%P", "Elapsed": "%M"}
SQUEUE |= {"Timelimit": "%l", "ReqMem": "%m", "NodeList": "%N", "NNodes": "%D", "ReqCPUS": "%C"}
SACCT = (*SQUEUE, "AllocTRES", "ExitCode")
# The states of a node that takes jobs, now or when it is free again.
READY = ("idle", "mixed", "allocated", "completing")


class ClusterError(RuntimeError):
    """A daemon or a command of the cluster failed."""


@dataclass(frozen=True)
class Cluster:
    """A cluster in a folder. If the folder already holds one, its nodes and accounting are kept."""

    folder: Path
    size: int = 2
    gpus: int = 2
    accounting: bool = True

    def up(self) -> None:
        """Start the daemons that do not run yet; return when all nodes are ready."""
        if absent := configuration.missing(self.accounting):
            raise ClusterError(absent)
        if len(str(self.folder)) > 80:
            raise ClusterError(f"{self.folder}: too long a path for sockets")  # the system allows 107 characters
        if not self._config.exists():
            configuration.write(self.folder, self.size, self.gpus, self.accounting)
        if not self._daemon("munged"):
            key, log = self.folder / "munge.key", self.folder / "log/munged.log"
            # munged refuses a folder below one that is closed to other users, as temporary folders may be; so --force.
            self._start(
                *("munged", "--force", f"--socket={self.folder}/munge.socket", f"--key-file={key}"),
                *(f"--log-file={log}", f"--pid-file={self.folder}/munged.pid", f"--seed-file={self.folder}/munge.seed"),
                *("--num-threads=2", "--origin=127.0.0.1"),
            )
        if (self.folder / "slurmdbd.conf").exists():
            self._start_accounting()
        self.start_controller()
        for node in self._node_names():
            self._start_node(node)
        for node in self._node_names():
            self.revive_node(node)

    def down(self) -> None:
        """End every process of the cluster, including jobs, as in a power failure; its state is saved."""
        self.stop_controller()
        for node in self._node_names():
            self.kill_node(node)
        for daemon in ("slurmdbd", "mariadbd", "munged"):
            self._stop(daemon)

    def environment(self) -> dict[str, str]:
        """Return environment variables with which the cluster's commands are found."""
        return {"PATH": f"{self.folder}/bin:{os.environ['PATH']}"}

    def call(self, *command: str, stdin: str = "") -> str:
        """Run a command of SLURM, and return its output."""
        env = os.environ | self.environment()
        done = subprocess.run(command, env=env, input=stdin, text=True, capture_output=True, timeout=60)
        if done.returncode:
            raise ClusterError(f"{' '.join(command)} exited {done.returncode}: {done.stderr.strip()}")
        return done.stdout.strip()

    def nodes(self) -> dict[str, str]:
        """Return the state of each node, such as `idle`; a node that does not answer has a star, such as `down*`."""
        lines = self.call("sinfo", "-h", "-N", "-p", "cpu", "-o", "%N %T").splitlines()
        return {line.split()[0]: line.split()[1] for line in lines}

    def submit(self, script: str, *options: str) -> str:
        """Submit a shell script, and return the job's id; its output goes to `log/ID.out` in the cluster's folder."""
        output = f"--output={self.folder}/log/%j.out"
        return self.call("sbatch", "--parsable", output, *options, stdin=f"#!/bin/bash\n{script}\n")

    def jobs(self, *fields: str, steps: bool = False) -> list[dict[str, str]]:
        """Return a row for each job in the queue or, with accounting, for each run of each job."""
        if (self.folder / "slurmdbd.conf").exists():
            fields = fields or SACCT
            asked = ("sacct", "-n", "-P", "-D", "-S", "1970-01-01", "-o", ",".join(fields), *([] if steps else ["-X"]))
        else:
            fields = fields or tuple(SQUEUE)
            asked = ("squeue", "-h", "-t", "all", "-o", "|".join(SQUEUE[field] for field in fields))
        return [dict(zip(fields, line.split("|"), strict=True)) for line in self.call(*asked).splitlines()]

    def job(self, job: str) -> dict[str, str]:
        """Return the controller's record of a job: JobState, Restarts, NodeList, Reason and so on."""
        words = self.call("scontrol", "show", "job", "-o", job).split(" ")
        return {key: value for key, _, value in (word.partition("=") for word in words)}

    def wait_for(self, job: str, *states: str, timeout: float = 180) -> dict[str, str]:
        """Wait until a job is in one of the states, such as `RUNNING`; return the controller's record of it."""
        deadline = time.monotonic() + timeout
        while (found := self.job(job))["JobState"] not in states:
            if time.monotonic() > deadline:
                raise ClusterError(f"job {job} is {found['JobState']} ({found['Reason']}), not {' or '.join(states)}")
            time.sleep(0.1)
        return found

    def cancel(self, job: str) -> None:
        """Cancel a job."""
        self.call("scancel", job)

    def requeue(self, job: str) -> None:
        """End a job and run it again from the start."""
        self.call("scontrol", "requeue", job)

    def stop_controller(self) -> None:
        """End slurmctld; jobs continue to run."""
        self._stop("slurmctld")

    def start_controller(self) -> None:
        """Start slurmctld with its saved state, if it does not run."""
        if not self._daemon("slurmctld"):
            self._start("slurmctld")
            self._until(lambda: self.call("scontrol", "ping"), "slurmctld")

    def kill_node(self, node: str) -> None:
        """Cut a node's power: slurmd and all processes of jobs there die at once. SLURM notices some 10 s later."""
        # A job may start a process during the search, so search until none is left.
        while found := self._processes_of(node):
            _end(found, signal.SIGKILL)

    def revive_node(self, node: str) -> None:
        """Start a killed node again, if it does not run; return when it takes jobs."""
        self._start_node(node)
        self._until(lambda: self.nodes()[node] in READY, "slurmd", node)

    @property
    def _config(self) -> Path:
        return self.folder / "slurm.conf"

    def _node_names(self) -> list[str]:
        lines = self._config.read_text().splitlines() if self._config.exists() else []
        return [line.split()[0].removeprefix("NodeName=") for line in lines if line.startswith("NodeName=")]

    def _start(self, *command: str, **env: str) -> None:
        """Start a daemon, which puts itself in the background."""
        name = Path(command[0]).name
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("SLURM")}  # tests may run in a job
        env = inherited | {"SLURM_CONF": str(self._config), "PATH": configuration.SEARCH_PATH} | env
        with (self.folder / f"log/{name}.start").open("w") as log:
            done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=60)
        if done.returncode:
            raise ClusterError(f"{name} exited {done.returncode}:\n{self._log(f'{name}.start')}")

    def _start_node(self, node: str) -> None:
        if not self._daemon("slurmd", node):
            # SLURM sets this variable for a job's processes; here slurmd has it, too.
            self._start(sys.executable, "-S", str(REAPER), "slurmd", "-N", node, SLURMD_NODENAME=node)

    def _start_accounting(self) -> None:
        data, at = self.folder / "mysql", f"--socket={self.folder}/mysql.socket"
        user = pwd.getpwuid(os.getuid()).pw_name
        unsafe = "--innodb-flush-method=nosync"  # fast; the data need not survive a power failure
        if not (data / "mysql").exists():
            options = ("--auth-root-authentication-method=normal", "--skip-test-db", unsafe)
            self._start("mariadb-install-db", "--no-defaults", f"--user={user}", f"--datadir={data}", *options)
        if not self._daemon("mariadbd"):
            # The user must be named, since it may be root. No port and no password: the socket belongs to the user.
            self._start(
                *("setsid", "--fork", "mariadbd", "--no-defaults", f"--user={user}", f"--datadir={data}"),
                *(at, "--skip-networking", "--skip-grant-tables", f"--log-error={self.folder}/log/mariadbd.log"),
                *(f"--pid-file={self.folder}/mariadbd.pid", "--innodb-lock-wait-timeout=900", unsafe),
            )
        if not self._daemon("slurmdbd"):
            self._until(lambda: (self.folder / "mysql.socket").is_socket(), "mariadbd")
            self._start("slurmdbd", MYSQL_UNIX_PORT=f"{self.folder}/mysql.socket")
            self._until(lambda: self.call("sacctmgr", "-n", "list", "cluster") or True, "slurmdbd")
        if not self.call("sacctmgr", "-n", "list", "cluster"):
            self.call("sacctmgr", "-i", "add", "cluster", "sitter")
            self.call("sacctmgr", "-i", "add", "account", "tests")
            self.call("sacctmgr", "-i", "add", "user", user, "account=tests")

    def _processes(self) -> Iterator[tuple[psutil.Process, str, dict[str, str]]]:
        """Yield this user's processes of the cluster, by their environment: the process, its name, its environment."""
        for process in psutil.process_iter():
            try:
                env = process.environ()
                if env.get("SLURM_CONF") == str(self._config) and process.status() != psutil.STATUS_ZOMBIE:
                    yield process, process.name(), env
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue

    def _daemon(self, name: str, node: str | None = None) -> psutil.Process | None:
        """Return a running daemon of this cluster; the search by environment and name is safe against recycled pids."""
        for process, its_name, env in self._processes():
            if its_name == name and env.get("SLURMD_NODENAME") == node:
                return process
        return None

    def _processes_of(self, node: str) -> list[psutil.Process]:
        """Return the processes on a node: slurmd first, then the steps' daemons, then jobs with all child processes."""
        here = [(process, name) for process, name, env in self._processes() if env.get("SLURMD_NODENAME") == node]
        found = {process: None for process, name in here if name == "slurmd"}
        # A step's daemon overwrites its environment with its title, but it listens on a socket in the node's folder.
        for process in psutil.process_iter(["name"]):
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                if process.info["name"] == "slurmstepd" and any(
                    socket.laddr.startswith(f"{self.folder}/{node}/") for socket in process.net_connections("unix")
                ):
                    found[process] = None
        found |= dict.fromkeys(process for process, _ in here)
        for process in list(found):
            with contextlib.suppress(psutil.NoSuchProcess):
                found |= dict.fromkeys(process.children(recursive=True))
        return list(filter(_is_alive, found))

    def _stop(self, name: str) -> None:
        """End a daemon by SIGTERM, or by SIGKILL if it does not end."""
        if (daemon := self._daemon(name)) and not _end([daemon], signal.SIGTERM):
            _end([daemon], signal.SIGKILL)

    def _until(self, ready: Callable[[], object], daemon: str, node: str | None = None) -> None:
        """Wait until a daemon that was started answers."""
        begun, why = time.monotonic(), "no answer"
        while (waited := time.monotonic() - begun) < 60:
            try:
                if ready():
                    return
            except ClusterError as error:
                why = str(error)
            if waited > 1 and not self._daemon(daemon, node):
                break
            time.sleep(0.05)
        log = f"{daemon}-{node}.log" if node else f"{daemon}.log"
        raise ClusterError(f"{daemon} did not come up: {why}\n{self._log(log)}")

    def _log(self, name: str) -> str:
        """Return the last lines of a log."""
        file = self.folder / "log" / name
        return "\n".join(file.read_text(errors="replace").splitlines()[-15:]) if file.exists() else "(no log)"


def _is_alive(process: psutil.Process) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _end(processes: list[psutil.Process], signal_number: int, timeout: float = 10) -> bool:
    """Send a signal to processes, and return whether they end in time; psutil spares processes with a recycled pid."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal_number)
    deadline = time.monotonic() + timeout
    while any(map(_is_alive, processes)):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.workflow.slurm.cluster", description=__doc__)
    parser.add_argument("way", choices=["up", "down"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--nodes", type=int, default=2)
    parser.add_argument("--gpus", type=int, default=2, help="of each node")
    parser.add_argument("--no-accounting", action="store_true")
    asked = parser.parse_args()
    cluster = Cluster(asked.folder.resolve(), asked.nodes, asked.gpus, not asked.no_accounting)
    if asked.way == "down":
        return cluster.down()
    cluster.up()
    print(f"export PATH={cluster.folder}/bin:$PATH")


if __name__ == "__main__":
    main()
