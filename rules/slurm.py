"""The SLURM executor of Snakemake, made safe for long trainings: `adopt_executor` puts it in the place of the plugin's.

Submission is the plugin's own. What differs, each seen to go wrong on a real cluster with version 2.8.0:

- A job is called by its rule and names (`train-dlib-lora`), not by the number of the run, and its state is asked for by
  its number.
- The state is asked for at one pace, `slurm-init-seconds-before-status-checks`; the plugin's slows down to 3 minutes.
- A controller that does not answer is asked again for as long as it takes; the plugin forgets its jobs, and waits for
  ever. «CANCELLED by 0» is a cancelled job; the plugin does not know it, and waits for ever.
- Success is believed where every output has been made since the job was submitted, and nowhere else.
- A Snakemake that is started after another was killed takes over the jobs that this has left in the queue, where they
  are of the same parameters, inputs and code; it cancels those that are not. No job runs twice at once.
"""

from __future__ import annotations

import asyncio
import getpass
import json
import shutil
import subprocess
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import snakemake_executor_plugin_slurm as plugin
from snakemake_interface_common.exceptions import WorkflowError
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.registry import ExecutorPluginRegistry

from pipeline.artifacts import atomic_file

T = TypeVar("T")
LEFT = Path(".snakemake/sitter-slurm")
"""A file for each job that was submitted and not yet seen to end: its number, what it is of, its outputs before."""
OVER = {"BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "OUT_OF_MEMORY", "REVOKED", "TIMEOUT"}
COMES_BACK = {"NODE_FAIL", "PREEMPTED"}
"""… where SLURM requeues the job; where it does not, these are final."""
PATIENCE = 120.0
"""Seconds until a job that SLURM does not know, or that does not come back, is given up."""
MEND = {
    "OUT_OF_MEMORY": "Give it more: resources.{stage}.{name}.memory_gb.",
    "TIMEOUT": "A training goes on from its checkpoint in the next attempt (--retries); or give it more time: "
    "resources.{stage}.{name}.hours.",
}


def adopt_executor() -> None:
    """Make `--executor slurm` use the executor of this module."""
    submit = plugin.get_submit_command
    plugin.get_submit_command = lambda job, params, **more: submit(job, params | {"run_uuid": name_of(job)}, **more)
    ExecutorPluginRegistry().plugins["slurm"].executor = Executor


def name_of(job: Any) -> str:
    """What SLURM calls a job: `train-dlib-lora`."""
    if job.is_group():
        return str(job.groupid)
    return "-".join([job.rule.name, *job.wildcards])


def key(job: Any) -> str:
    """A text that changes with whatever the outputs of a job depend on: parameters, code, inputs."""
    parts = list(job.jobs) if job.is_group() else [job]
    inputs = [f"{path} {_content(Path(path))}" for part in parts for path in part.input]
    params = [{name: part.params.get(name) for name in ("values", "code")} for part in parts]
    return sha256(json.dumps([params, sorted(inputs)], sort_keys=True, default=str).encode()).hexdigest()


class Executor(plugin.Executor):  # type: ignore[misc]
    """See the module."""

    def __init__(self, workflow: Any, logger: Any) -> None:
        self.pace = float(workflow.executor_settings.init_seconds_before_status_checks)
        self.silent = self.leaving = False
        self.since: dict[str, float] = {}  # when the state of a job began to be in doubt
        super().__init__(workflow, logger)  # starts the thread that asks for states

    def run_job(self, job: Any) -> None:
        """Submit a job, or take over one of a killed run."""
        left = LEFT / f"{name_of(job)}.json"
        try:
            number = self.taken_over(job, json.loads(left.read_text())) if left.exists() else None
            if number is None:
                self.end_strays(job)
        except Exception as error:  # this is a thread of the plugin's, which looks at no error: Snakemake would wait on
            self._report_job_error_threadsafe(SubmittedJobInfo(job), f"{name_of(job)} was not submitted: {error} ")
            return
        if number is None:
            super().run_job(job)
            return
        self.logger.info(f"{name_of(job)}: job {number} of an earlier run is at it, or was: taken over.")
        log = self.slurm_logdir / f"rule_{job.name}" / plugin.get_job_wildcards(job) / f"{number}.log"
        self._report_job_submission_threadsafe(SubmittedJobInfo(job, number, {"slurm_logfile": log}))

    def end_strays(self, job: Any) -> None:
        """Cancel what else of this job is in the queue, and wait until it is gone: it may be writing still."""
        asked = ["squeue", "--noheader", "--user", getpass.getuser(), "--name", name_of(job), "--format=%i|%Z"]
        deadline = 0.0
        while strays := [
            i for i, *at in self.answered(lambda: _lines(asked)) if at == [str(self.workflow.workdir_init)]
        ]:
            if not deadline:
                deadline = time.monotonic() + PATIENCE
                self.logger.info(f"{name_of(job)}: cancelling job {', '.join(strays)}, which is still in the queue.")
            elif time.monotonic() > deadline or self.leaving:
                raise WorkflowError(f"job {', '.join(strays)} of it was cancelled and does not end.")
            subprocess.run(["scancel", *strays], check=False)
            time.sleep(2)

    def answered(self, ask: Callable[[], T | None]) -> T:
        """What SLURM says, asked until it says something."""
        while (found := ask()) is None:
            if self.leaving:
                raise WorkflowError("SLURM does not answer.")
            time.sleep(2)
        return found

    def cancel(self) -> None:
        """Ctrl-C: nothing is waited for."""
        self.leaving = True
        super().cancel()

    def taken_over(self, job: Any, left: dict[str, Any]) -> str | None:
        """Number of a job that an earlier run has left behind and that is as good as a new one."""
        number = str(left["slurm"])
        state = self.answered(lambda: self.states([number])).get(number, "")
        if left["key"] != key(job) or not state or state in OVER - {"COMPLETED"}:
            return None
        deadline = time.monotonic() + self.patience(state)
        while state == "COMPLETED" and not _made(left["before"]):  # they may have been deleted since
            if time.monotonic() > deadline or self.leaving:
                return None
            time.sleep(1)
        return number

    def report_job_submission(self, job_info: SubmittedJobInfo, register_job: bool = True) -> None:
        """Note what was submitted, so that a later run can take it over."""
        super().report_job_submission(job_info, register_job)
        left = LEFT / f"{name_of(job_info.job)}.json"
        number = job_info.external_jobid
        if left.exists() and (known := json.loads(left.read_text()))["slurm"] == number:
            job_info.aux["before"] = known["before"]
            return
        before = {str(path): _identity(path) for path in job_info.job.output}
        job_info.aux["before"] = before
        with atomic_file(left) as part:
            part.write_text(json.dumps({"slurm": number, "key": key(job_info.job), "before": before}))

    async def check_active_jobs(self, active_jobs: list[SubmittedJobInfo]) -> AsyncGenerator[SubmittedJobInfo, None]:
        """Ask for the states of all jobs at once; yields those that go on."""
        self.next_seconds_between_status_checks = self.pace
        if not active_jobs:
            return
        async with self.status_rate_limiter:
            states = await asyncio.to_thread(self.states, [str(info.external_jobid) for info in active_jobs])
        if (states is None) != self.silent:
            self.silent = states is None
            self.logger.warning("SLURM does not answer, asking on." if self.silent else "SLURM answers again.")
        for info in active_jobs:
            if states is None or self.goes_on(info, states.get(str(info.external_jobid), "")):
                yield info

    def goes_on(self, info: SubmittedJobInfo, state: str) -> bool:
        """Whether a job is to be asked for again; if not, its end has been reported."""
        number = str(info.external_jobid)
        comes_back = state in COMES_BACK and not self.workflow.executor_settings.no_requeue
        made = _made(info.aux["before"])
        in_doubt = not state or comes_back or (state == "COMPLETED" and not made)
        if state and not in_doubt and state not in OVER | COMES_BACK:
            self.since.pop(number, None)
            return True
        if state == "COMPLETED" and made:
            self.over(info)
            self.report_job_success(info)
            return False
        if in_doubt and time.monotonic() - self.since.setdefault(number, time.monotonic()) < self.patience(state):
            return True
        self.over(info)
        log = info.aux.get("slurm_logfile")
        self.report_job_error(info, msg=self.why(info, state), aux_logs=[str(log)] if log else [])
        return False

    def patience(self, state: str) -> float:
        """Seconds to wait where it is in doubt what became of a job."""
        files = float(self.workflow.execution_settings.latency_wait)
        return files + 2 * self.pace if state == "COMPLETED" else PATIENCE

    def over(self, info: SubmittedJobInfo) -> None:
        """Forget a job that has ended."""
        self.since.pop(str(info.external_jobid), None)
        (LEFT / f"{name_of(info.job)}.json").unlink(missing_ok=True)
        log = info.aux.get("slurm_logfile")
        if log and _made(info.aux["before"]) and not self.workflow.executor_settings.keep_successful_logs:
            Path(log).unlink(missing_ok=True)

    def why(self, info: SubmittedJobInfo, state: str) -> str:
        """What to say of a job that failed."""
        job = info.job
        said = f"{name_of(job)}: SLURM job {info.external_jobid} "
        if state == "COMPLETED":
            said += "ended, but its outputs are missing or older than it: not taken for a success. "
        elif not state:
            said += "is unknown to SLURM by now: not taken for a success. "
        else:
            said += f"ended as {state}. "
        if state in MEND and not job.is_group():
            said += MEND[state].format(stage=job.rule.name, name=next(iter(job.wildcards), "all"))
        return said

    def states(self, numbers: Sequence[str]) -> dict[str, str] | None:
        """State of each job that SLURM knows; None where it does not answer."""
        if self.get_status_command() == "squeue":
            found = _lines(["squeue", "--noheader", "--states=all", "--user", getpass.getuser(), "--format=%i|%T"])
            if found is None:
                return None
            wanted = set(numbers)
            return {line[0]: line[1] for line in found if line[0] in wanted}
        found = _lines(
            ["sacct", "-X", "--noheader", "--parsable2", "--format=JobID,State", f"--jobs={','.join(numbers)}"]
        )
        return None if found is None else {number: state.split()[0] for number, state, *_ in found}

    def get_account_arg(self, job: Any) -> Iterator[str]:
        """The account of the profile; without one, SLURM's own default, at which the plugin guesses in vain."""
        if job.resources.get("slurm_account"):
            yield from super().get_account_arg(job)
        else:
            yield ""

    def get_status_command(self) -> str:
        """squeue where there is no accounting to ask; the plugin would wait for sacct for ever."""
        if not hasattr(self, "asks"):
            self.asks = str(super().get_status_command())
            if self.asks == "sacct" and not accounting():
                self.asks = "squeue"
        return self.asks


def accounting() -> bool:
    """Whether SLURM keeps accounts that sacct can read."""
    lines = _lines(["scontrol", "show", "config"])
    return bool(shutil.which("sacct")) and not any(
        word[0].startswith("AccountingStorageType") and "none" in word[0] for word in lines or []
    )


def _identity(path: Any) -> list[int] | None:
    """What a file is by: changes when it is written anew."""
    try:
        stat = Path(path).stat()
    except OSError:
        return None
    return [stat.st_ino, stat.st_mtime_ns, stat.st_size]


def _made(before: Mapping[str, list[int] | None]) -> bool:
    """Whether all outputs are there and not what they were before."""
    return all(_identity(path) not in (None, identity) for path, identity in before.items())


def _content(path: Path) -> str:
    """What is in a manifest; of an image, which may be large, only what the file is by."""
    return sha256(path.read_bytes()).hexdigest() if path.suffix == ".csv" else str(_identity(path))


def _lines(command: list[str]) -> list[list[str]] | None:
    """Fields of each line that a program of SLURM prints; None where it fails or takes too long."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return None if done.returncode else [line.strip().split("|") for line in done.stdout.splitlines() if line.strip()]
