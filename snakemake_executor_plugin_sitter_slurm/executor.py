"""The executor: snakemake-executor-plugin-slurm, made safe for long trainings.

That plugin submits the jobs. These points differ, because each went wrong on a real cluster with its version 2.8.0:

- A job is named after its rule and names (`train-dlib-lora`), not after the run, and its state is queried by
  the job's number.
- The state is queried at a constant interval, `init-seconds-before-status-checks`; the plugin slows down to 3 minutes.
- A controller that does not answer is queried until it does; the plugin forgets its jobs, and waits
  forever. «CANCELLED by 0» is a cancelled job; the plugin does not know this state, and waits forever.
- A job counts as successful only if every output was made after the job was submitted.
- A training is told to stop ahead of its time limit. A job that was stopped after it made progress is sent again, and
  no retry is spent. A job that made no progress within its limit, or that a person cancelled, has failed (`attempts`).
- A job is one Snakemake, started by srun; the plugin adds another one that waits for it and takes the job's memory.
- A Snakemake that is started after another was killed takes over the jobs that the other left in the queue, if they
  have the same parameters, inputs and code; it cancels the others. No job runs twice at the same time.
"""

from __future__ import annotations

import asyncio
import getpass
import json
import shlex
import subprocess
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import snakemake_executor_plugin_slurm as plugin
from snakemake_executor_plugin_slurm_jobstep import get_cpu_setting, get_gpu_setting, get_node_setting
from snakemake_interface_common.exceptions import WorkflowError
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo

from snakemake_executor_plugin_sitter_slurm import attempts, states
from snakemake_executor_plugin_sitter_slurm.attempts import Follows, Standing, identity
from snakemake_executor_plugin_sitter_slurm.states import State

T = TypeVar("T")
STEP = Path(__file__).with_name("step.sh")
"""The first program of a job."""
LEFT = Path(".snakemake/sitter-slurm")
"""Folder with a file for each submitted job that may not have ended: its number, its key, its outputs before it."""
OVER = {"BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "OUT_OF_MEMORY", "REVOKED", "TIMEOUT"}
COMES_BACK = {"NODE_FAIL", "PREEMPTED"}
"""States in which SLURM requeues a job; if it does not requeue, they are final."""
PATIENCE = 120.0
"""Seconds until a job that SLURM does not know, or that does not return, is given up."""


def warning(job: Any) -> str:
    """Return the option of sbatch that tells a training to stop ahead of its time limit; other stages run up to it."""
    if job.is_group() or job.rule.name != "train" or "--signal" in str(job.resources.get("slurm_extra", "")):
        return ""
    limit = 60.0 * (job.resources.get("runtime") or 0)
    return f" --signal=TERM@{attempts.lead(limit or float('inf'), attempts.standing(job).writing)}"


def name_of(job: Any) -> str:
    """Return SLURM's name for a job: `train-dlib-lora`, after the name of the study, if it has one."""
    from pipeline.core.layout import Layout  # imported only here: see the package's docstring

    if job.is_group():
        return str(job.groupid)
    study = Layout.holding(Path(job.output[0])).study
    return "-".join([*filter(None, [study]), job.rule.name, *job.wildcards])


def key(job: Any) -> str:
    """Return a text that changes with everything that the outputs of a job depend on: parameters, code, inputs."""
    parts = list(job.jobs) if job.is_group() else [job]
    inputs = [f"{path} {_content(Path(path))}" for part in parts for path in part.input]
    params = [{name: part.params.get(name) for name in ("values", "code")} for part in parts]
    return sha256(json.dumps([params, sorted(inputs)], sort_keys=True, default=str).encode()).hexdigest()


class Executor(plugin.Executor):  # type: ignore[misc]
    """The executor, as described in the module's docstring."""

    def __init__(self, workflow: Any, logger: Any) -> None:
        self.pace = float(workflow.executor_settings.init_seconds_before_status_checks)
        self.silent = self.leaving = False
        self.since: dict[str, float] = {}  # when the state of each job became uncertain
        super().__init__(workflow, logger)  # starts the thread that queries states

    def additional_general_args(self) -> str:
        """The options that make a job's Snakemake start a step; without them, it does the work itself."""
        return str(super().additional_general_args()) if self.starts_twice() else ""

    def starts_twice(self) -> bool:
        """Whether the plugin's own way is wanted, because a setting needs it."""
        return bool(self.array_jobs or self.workflow.executor_settings.pass_command_as_script)

    def format_job_exec(self, job: Any) -> str:
        """Return the command of a job: Snakemake by srun, or alone if the stage's command starts its processes."""
        command = str(super().format_job_exec(job))
        if self.starts_twice():
            return command
        step = [get_cpu_setting(job, False), get_gpu_setting(job), get_node_setting(job)]
        srun = "" if job.resources.get("mpi") else " ".join(["srun -n1 --cpu-bind=q", *filter(None, step), ""])
        return f"sh {shlex.quote(str(STEP))} {srun}{command}"

    def run_job(self, job: Any) -> None:
        """Submit a job, or take over one of a killed run."""
        if self.leaving:
            return
        left = LEFT / f"{name_of(job)}.json"
        try:
            number = self.taken_over(job, json.loads(left.read_text())) if left.exists() else None
            if number is None:
                self.end_strays(job)
        except Exception as error:  # the plugin's thread ignores errors, and Snakemake would wait forever
            self._report_job_error_threadsafe(SubmittedJobInfo(job), f"{name_of(job)} was not submitted: {error} ")
            return
        if number is None:
            super().run_job(job)
            return
        self.logger.info(f"{name_of(job)}: job {number} of an earlier run is taken over.")
        log = self.slurm_logdir / f"rule_{job.name}" / plugin.get_job_wildcards(job) / f"{number}.log"
        self._report_job_submission_threadsafe(SubmittedJobInfo(job, number, {"slurm_logfile": log}))

    def end_strays(self, job: Any) -> None:
        """Cancel other SLURM jobs in the queue for this job, and wait until they are gone: they may be writing."""
        asked = ["squeue", "--noheader", "--user", getpass.getuser(), "--name", name_of(job), "--format=%i|%T|%Z"]
        here = str(self.workflow.workdir_init)
        deadline, told = time.monotonic() + PATIENCE, False
        while strays := {i: state for i, state, *at in self.answered(lambda: states.lines(asked)) if at == [here]}:
            numbers = [number for number, state in strays.items() if state != "COMPLETING"]  # it is ending already
            if numbers and not told:
                told, deadline = True, time.monotonic() + PATIENCE
                self.logger.info(f"{name_of(job)}: cancelling job {', '.join(numbers)}, which is still in the queue.")
            elif time.monotonic() > deadline or self.leaving:
                raise WorkflowError(f"job {', '.join(strays)} of it was cancelled, but does not end.")
            if numbers:
                subprocess.run(["scancel", *numbers], check=False)
            time.sleep(2 if numbers else 0.5)

    def answered(self, ask: Callable[[], T | None]) -> T:
        """Return SLURM's answer, asking until there is one."""
        while (found := ask()) is None:
            if self.leaving:
                raise WorkflowError("SLURM does not answer.")
            time.sleep(2)
        return found

    def cancel(self) -> None:
        """React to Ctrl-C without waiting for anything."""
        self.leaving = True
        super().cancel()

    def taken_over(self, job: Any, left: dict[str, Any]) -> str | None:
        """Return the number of an earlier run's job that is as good as a new one; None if there is none."""
        number = str(left["slurm"])
        state = self.answered(lambda: self.states([number])).get(number, State()).name
        if left["key"] != key(job) or not state or state in OVER - {"COMPLETED"}:
            return None
        deadline = time.monotonic() + self.patience(state)
        while state == "COMPLETED" and not _made(left["before"]):  # the outputs may have been deleted since
            if time.monotonic() > deadline or self.leaving:
                return None
            time.sleep(1)
        return number

    def report_job_submission(self, job_info: SubmittedJobInfo, register_job: bool = True) -> None:
        """Record what was submitted, so that a later run can take it over."""
        super().report_job_submission(job_info, register_job)
        job, number = job_info.job, job_info.external_jobid
        left = LEFT / f"{name_of(job)}.json"
        if left.exists() and (known := json.loads(left.read_text()))["slurm"] == number:
            job_info.aux |= {"before": known["before"], "standing": Standing(**known.get("standing", {}))}
            return
        before, standing = {str(path): identity(path) for path in job.output}, attempts.standing(job)
        job_info.aux |= {"before": before, "standing": standing}
        from pipeline.core.files import atomic_file  # imported only here: see the package's docstring

        with atomic_file(left) as part:
            known = {"slurm": number, "key": key(job), "before": before, "standing": asdict(standing)}
            part.write_text(json.dumps(known))
        if self.leaving:  # Ctrl-C while it was being submitted: `cancel` may not have seen it
            self.cancel_jobs([job_info])

    async def check_active_jobs(self, active_jobs: list[SubmittedJobInfo]) -> AsyncGenerator[SubmittedJobInfo, None]:
        """Query the states of all jobs at once, and yield the jobs that continue."""
        self.next_seconds_between_status_checks = self.pace
        if not active_jobs:
            return
        async with self.status_rate_limiter:
            told = await asyncio.to_thread(self.states, [str(info.external_jobid) for info in active_jobs])
        if (told is None) != self.silent:
            self.silent = told is None
            self.logger.warning("SLURM does not answer; still asking." if self.silent else "SLURM answers again.")
        for info in active_jobs:
            if told is None or self.goes_on(info, told.get(str(info.external_jobid), State())):
                yield info

    def goes_on(self, info: SubmittedJobInfo, state: State) -> bool:
        """Return whether to query a job again; if not, its end has been reported, or it has been sent again."""
        number, name = str(info.external_jobid), state.name
        comes_back = name in COMES_BACK and not self.workflow.executor_settings.no_requeue
        made = _made(info.aux["before"])
        if name == "COMPLETED" and made:
            self.over(info)
            log = info.aux.get("slurm_logfile")
            if log and not self.workflow.executor_settings.keep_successful_logs:
                Path(log).unlink(missing_ok=True)
            self.report_job_success(info)
            return False
        if name and not comes_back and name not in OVER | COMES_BACK:
            self.since.pop(number, None)
            return True
        now = attempts.standing(info.job)
        # The results of a job appear here a little later if another machine keeps the files.
        unseen = attempts.met_its_limit(state, info.aux["standing"], now) and not now.is_beyond(info.aux["standing"])
        in_doubt = name in ("", "COMPLETED") or comes_back or unseen
        if in_doubt and time.monotonic() - self.since.setdefault(number, time.monotonic()) < self.patience(name):
            return True
        self.over(info)
        self.ended(info, state, now)
        return False

    def ended(self, info: SubmittedJobInfo, state: State, now: Standing) -> None:
        """Send a job that has ended without success again, or report that it has failed."""
        job = info.job
        stage, name = ("group", "") if job.is_group() else (job.rule.name, next(iter(job.wildcards), "all"))
        follows, words = attempts.verdict(stage, name, state, info.aux["standing"], now)
        said = f"{name_of(job)}: SLURM job {info.external_jobid} {words}"
        if follows is Follows.AGAIN and not self.is_leaving():
            self.logger.info(said)
            self._job_submission_executor.submit(self.run_job, job)
            return
        if follows is Follows.END:
            job.attempt = job.restart_times + 1  # the last attempt that Snakemake allows
        log = info.aux.get("slurm_logfile")
        self.report_job_error(info, msg=f"{said} ", aux_logs=[str(log)] if log else [])

    def is_leaving(self) -> bool:
        """Whether no more jobs are sent: after Ctrl-C, or after SIGTERM, when Snakemake waits for running jobs."""
        return self.leaving or bool(getattr(self.workflow.scheduler, "_user_kill", None))

    def patience(self, state: str) -> float:
        """Return the seconds to wait while the state of a job is uncertain."""
        files = float(self.workflow.execution_settings.latency_wait)
        return PATIENCE if not state or state in COMES_BACK else files + 2 * self.pace

    def over(self, info: SubmittedJobInfo) -> None:
        """Forget a job that has ended."""
        self.since.pop(str(info.external_jobid), None)
        (LEFT / f"{name_of(info.job)}.json").unlink(missing_ok=True)

    def states(self, numbers: list[str]) -> dict[str, State] | None:
        """Return the state of each job that SLURM knows; None if SLURM does not answer."""
        return states.ask(numbers, self.get_status_command())

    def get_account_arg(self, job: Any) -> Iterator[str]:
        """Yield options of sbatch: the account of the profile, the job's name, the time of its stop signal.

        Without an account in the profile, SLURM's own default applies, which the plugin guesses wrongly. The plugin
        gives sbatch a name of its own before these options, and sbatch takes the last one.
        """
        account = next(super().get_account_arg(job)) if job.resources.get("slurm_account") else ""
        yield f"{account} --job-name {shlex.quote(name_of(job))}{warning(job)}"

    def get_status_command(self) -> str:
        """Return squeue if there is no accounting; the plugin would wait for sacct forever."""
        if not hasattr(self, "asks"):
            self.asks = str(super().get_status_command())
            if self.asks == "sacct" and not states.accounting():
                self.asks = "squeue"
        return self.asks


def _made(before: Mapping[str, list[int] | None]) -> bool:
    """Whether all outputs exist and have changed since `before`."""
    return all(identity(path) not in (None, known) for path, known in before.items())


def _content(path: Path) -> str:
    """Return a manifest's content; for an image, which may be large, only the file's identity."""
    return sha256(path.read_bytes()).hexdigest() if path.suffix == ".csv" else str(identity(path))
