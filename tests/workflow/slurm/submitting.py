"""A study on a test cluster: trainings that a test can hold during a step, and Snakemake runs that submit them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from tests.workflow.conftest import Workplace
from tests.workflow.slurm.cluster import Cluster

HOLD = Path(__file__).parent / "hold"
# The files of a training that must be the same; all others hold only names and times.
MADE = ("weights.safetensors", "metrics.json", "history.csv")

# Short waits are enough on one machine, where files are visible at once.
QUICK = ("--sitter-slurm-init-seconds-before-status-checks", "1", "--latency-wait", "2")


def until(true: Callable[[], object], what: str, timeout: float = 300) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + timeout
    while not true():
        assert time.monotonic() < deadline, f"not in {timeout:g} s: {what}"
        time.sleep(0.1)


@dataclass
class Snakemake:
    """A running Snakemake."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def words(self) -> str:
        """The output so far."""
        return self.log.read_text()

    def wait_for(self, words: str, timeout: float = 300) -> None:
        """Wait until the output contains some words."""
        with shown(self):
            until(lambda: words in self.words or self.process.poll() is not None, words, timeout)
            assert words in self.words, words

    def end(self, timeout: float = 240) -> int:
        """Wait until Snakemake ends, and return its exit status."""
        with shown(self):
            return self.process.wait(timeout)

    def succeed(self) -> str:
        """Wait until Snakemake ends, check that it succeeded, and return its output."""
        assert self.end() == 0, self.words[-6000:]
        return self.words

    def kill(self) -> None:
        """Kill Snakemake without any clean-up, as the system does when memory is short."""
        self.process.kill()
        self.process.wait()


@contextmanager
def shown(snakemake: Snakemake) -> Iterator[None]:
    """Run a block, and print the end of Snakemake's output if it fails."""
    try:
        yield
    except BaseException:
        print(snakemake.words[-6000:])
        raise


@dataclass
class Submitting:
    """A checkout that submits its heavy jobs to a cluster."""

    place: Workplace
    cluster: Cluster
    first_on_path: Path | None = None
    """A folder with commands that come before the cluster's."""
    started: list[Snakemake] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        """The folder of the checkout."""
        return self.place.folder

    def environment(self) -> dict[str, str]:
        """Return the activated environment on the login node of the cluster."""
        first = f"{self.first_on_path}:" if self.first_on_path else ""
        path = f"{first}{Path(sys.executable).parent}:{self.cluster.environment()['PATH']}"
        modules = ":".join((str(HOLD), str(self.folder)))
        return self.place.environment(PATH=path, PYTHONPATH=modules)

    def snakemake(self, *arguments: str) -> Snakemake:
        """Start `snakemake --profile slurm`."""
        log = self.folder / f"snakemake-{len(self.started) + 1}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                ["snakemake", "--profile", "slurm", *arguments],
                cwd=self.folder,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.started.append(Snakemake(process, log))
        return self.started[-1]

    def train(self, *models: str, options: tuple[str, ...] = ()) -> Snakemake:
        """Start a Snakemake that trains these models."""
        return self.snakemake(*QUICK, *options, "--", *(f"models/{model}/manifest.csv" for model in models))

    def hold(self, model: str, at: int = 7, how: str = "") -> None:
        """Make the model's next training wait as it writes its checkpoint number `at`."""
        for folder in ("hold", "held"):
            (self.folder / folder).mkdir(exist_ok=True)
        (self.folder / "held" / model).unlink(missing_ok=True)
        (self.folder / "hold" / model).write_text(f"{at} {how}")

    def held(self, model: str, timeout: float = 300) -> int:
        """Wait until the training is held, and return the id of its process."""
        file = self.folder / "held" / model
        with shown(self.started[-1]):
            until(lambda: file.exists() or self.started[-1].process.poll() is not None, f"{model} held", timeout)
            return int(file.read_text())

    def release(self, model: str) -> None:
        """Let a held training continue."""
        os.kill(self.held(model), signal.SIGUSR2)

    def number(self, model: str) -> str:
        """Return the id of the model's SLURM job in the queue."""
        queue = self.cluster.call("squeue", "-h", "--name", f"train-{model}", "-o", "%i %Z").splitlines()
        (found,) = [line.split()[0] for line in queue if line.split()[1] == str(self.folder)]
        return found

    def in_queue(self) -> list[str]:
        """Return the names of this checkout's waiting and running jobs."""
        lines = [line.split() for line in self.cluster.call("squeue", "-h", "-o", "%j %Z").splitlines()]
        return sorted(name for name, folder in lines if folder == str(self.folder))

    @contextmanager
    def partition_down(self, name: str) -> Iterator[None]:
        """Run a block in which the jobs of a partition wait in the queue."""
        self.cluster.call("scontrol", "update", f"PartitionName={name}", "State=DOWN")
        try:
            yield
        finally:
            self.cluster.call("scontrol", "update", f"PartitionName={name}", "State=UP")

    def runs(self, model: str) -> list[dict[str, str]]:
        """Return the accounting's row for each run of each job of a model, oldest first."""
        rows = self.cluster.jobs("JobID", "JobName", "State", "Start", "End", "WorkDir")
        mine = [row for row in rows if row["WorkDir"] == str(self.folder) and row["JobName"] == f"train-{model}"]
        return sorted(mine, key=lambda row: row["Start"])

    def places(self, model: str) -> list[str]:
        """Return the places at which the model's last training resumed, from its log."""
        return re.findall(r"going on from a checkpoint: (.*)", self.place.text(f"logs/train/{model}.log"))

    def close(self) -> None:
        """End the Snakemakes and jobs of this checkout that still run."""
        for snakemake in self.started:
            if snakemake.process.poll() is None:
                snakemake.kill()
        lines = [line.split() for line in self.cluster.call("squeue", "-h", "-o", "%i %Z").splitlines()]
        if numbers := [number for number, folder in lines if folder == str(self.folder)]:
            self.cluster.call("scancel", *numbers)
        until(lambda: not self.in_queue(), "all jobs gone")


def is_alive(pid: int) -> bool:
    """Whether a process runs."""
    with suppress(psutil.NoSuchProcess):
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    return False


def made(folder: Path, model: str) -> dict[str, bytes]:
    """Return the files of a training that must be the same."""
    return {name: (folder / "models" / model / name).read_bytes() for name in MADE}


@contextmanager
def submitting(prepared: Workplace, cluster: Cluster, folder: Path) -> Iterator[Submitting]:
    """Yield a copy of a checkout on a cluster, and end all of its jobs afterwards."""
    here = Submitting(prepared.copy_to(folder / "sitter"), cluster)
    try:
        yield here
    finally:
        here.close()
