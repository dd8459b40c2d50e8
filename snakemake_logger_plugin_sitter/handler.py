"""The handler: it turns the events of Snakemake into lines and a bar."""

from __future__ import annotations

import logging
import re
import sys
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_sitter.config_files import unreadable
from snakemake_logger_plugin_sitter.excerpt import last_attempt

CHATTER = re.compile(
    r"Assuming unrestricted shared|Building DAG of jobs|Cleaning up SLURM log files|Complete log\(s\)|"
    r"Conda environments: ignored|Elapsed time|Group jobs: inactive|Job \d+ has been submitted|"
    r"Select jobs to execute|Shutting down, this might take|Singularity containers: ignored|SLURM run ID|Using shell|"
    r"Exiting because a job execution failed"
)
"""Messages of Snakemake and its SLURM plugin that say nothing about the study."""
STOPPED = "At least one job did not complete successfully"
BY_SHELL = {"CalledProcessError", "RuleException", "SpawnedJobError"}
"""The exception after a failed job, which has been reported by then."""


@dataclass(frozen=True)
class StartedJob:
    """A job that was started, or sent to a cluster."""

    stage: str
    name: str
    logs: tuple[str, ...]
    started: float
    """Time of the start, by `time.monotonic`."""

    def __str__(self) -> str:
        return f"{self.stage} {self.name}".rstrip()

    @property
    def seconds(self) -> float:
        """Return the seconds since the job was started."""
        return time.monotonic() - self.started


class LogHandler(LogHandlerBase):
    """Shows the events of Snakemake, as described in the package's docstring."""

    def __post_init__(self) -> None:
        """Decide who writes: this handler or, if more output is requested, Snakemake's own.

        A params file that cannot be read ends Snakemake here: this is the first code of the project that it runs.
        """
        if wrong := unreadable(sys.argv[1:]):
            sys.exit(wrong)
        asked = self.common_settings
        self.own = _own_handler(asked) if asked.dryrun or _wants_more(asked) else None
        self.silent = "ALL" in {what.name for what in asked.quiet or ()}
        self.console = Console(stderr=not asked.stdout, no_color=asked.nocolor or None, highlight=False, soft_wrap=True)
        self.jobs: dict[int, StartedJob] = {}
        self.running: set[int] = set()
        self.broken: set[int] = set()
        self.done = self.total = 0
        self.bar: Progress | None = None
        self.task = TaskID(0)

    writes_to_stream = True  # type: ignore[assignment]
    writes_to_file = False  # type: ignore[assignment]
    has_filter = True  # type: ignore[assignment]
    has_formatter = True  # type: ignore[assignment]
    needs_rulegraph = False  # type: ignore[assignment]

    def emit(self, record: logging.LogRecord) -> None:
        """Show the parts of a record that matter to a user who waits for a study."""
        try:
            if self.own:
                self.own.handle(record)
            else:
                self.show(record)
        except Exception:
            self.handleError(record)

    def show(self, record: logging.LogRecord) -> None:
        """Show a record in this handler's way."""
        told: Mapping[str, Any] = record.__dict__
        event = told.get("event")
        if self.silent and record.levelno < logging.WARNING:
            return
        if event == LogEvent.RUN_INFO:
            self.total = told["stats"]["total"] - told["stats"].get("all", 0)
        elif event == LogEvent.JOB_INFO and told["shellcmd"]:  # a job without a command is the rule `all`
            name = " ".join(str(part) for part in (told["wildcards"] or {}).values())
            self.jobs[told["jobid"]] = StartedJob(told["rule_name"], name, tuple(told["log"]), time.monotonic())
            self.running.add(told["jobid"])
            self.advance()
        elif event == LogEvent.JOB_FINISHED and told["job_id"] in self.jobs:
            self.finished(told["job_id"])
        elif event == LogEvent.JOB_ERROR:
            self.failed(told["jobid"], told["rule_msg"] or "", told["log"])
        elif event == LogEvent.GROUP_ERROR:
            self.say(record.getMessage(), "red")
        elif event is None or event == LogEvent.ERROR:
            self.message(record, str(told.get("exception") or ""))

    def finished(self, number: int) -> None:
        """Write the line of a job that has succeeded."""
        job = self.jobs[number]
        self.running.discard(number)
        self.broken.discard(number)
        self.done += 1
        count = f"{self.done:>{len(str(self.total))}}/{self.total}"
        self.say(f"{count}  {job.stage:<9} {job.name:<30} {duration(job.seconds):>8}")
        self.advance()

    def failed(self, number: int, words: str, logs: Collection[str]) -> None:
        """Write that a job has failed, with the output of its stage in the last attempt."""
        job = self.jobs.get(number)
        self.running.discard(number)
        if job:
            self.broken.add(number)
            self.say(f"failed: {job}, after {duration(job.seconds)}", "red")
        if words.strip():
            self.say(words.strip())
        said = next(filter(None, (last_attempt(Path(log)) for log in logs)), [])  # the stage's log is the first
        for line in (*said, *(f"whole log: {log}" for log in logs)):
            self.say(f"    {line}")
        self.advance()

    def message(self, record: logging.LogRecord, exception: str) -> None:
        """Write a message without an event, unless it is noise or repeats that a job has failed."""
        words = record.getMessage().strip()
        if not words or words == "None" or exception in BY_SHELL or CHATTER.match(words):
            return
        if STOPPED in words:
            failed = ", ".join(str(self.jobs[number]) for number in sorted(self.broken))
            words = f"{self.done} of {self.total} jobs done; failed: {failed}. Run the same command again to resume."
        self.say(words, {logging.ERROR: "red", logging.WARNING: "yellow"}.get(record.levelno, ""))

    def say(self, words: str, style: str = "") -> None:
        """Write a text above the bar."""
        self.console.print(Text(words, style=style))

    def advance(self) -> None:
        """Show on the bar how far the run is and which jobs run; remove the bar when all is done."""
        if not self.console.is_terminal or not self.total:
            return
        if self.bar is None:
            self.bar = Progress(
                TextColumn("{task.completed:.0f}/{task.total:.0f}"),
                BarColumn(bar_width=24),
                TimeElapsedColumn(),
                Left(),
                TextColumn("{task.description}", style="dim"),
                console=self.console,
                transient=True,
            )
            self.task = self.bar.add_task("", total=self.total)
            self.bar.start()
        at_work = [str(job) for number, job in self.jobs.items() if number in self.running]
        self.bar.update(self.task, completed=self.done, total=self.total, description=", ".join(at_work))
        if self.done >= self.total:
            self.bar.stop()

    def close(self) -> None:
        """Remove the bar."""
        if self.bar:
            self.bar.stop()
        super().close()


class Left(ProgressColumn):
    """The remaining time, if the remaining jobs take as long on average as the finished ones."""

    def render(self, task: Task) -> Text:
        """Return the time as text, without a number before the first job has ended."""
        if not task.completed or task.elapsed is None or task.remaining is None:
            return Text("left: ?")
        return Text(f"left: {duration(task.elapsed / task.completed * task.remaining)}")


def duration(seconds: float) -> str:
    """Return a time as minutes and seconds, or hours, minutes and seconds.

    >>> duration(7.4), duration(754), duration(3754)
    ('0:07', '12:34', '1:02:34')
    """
    minutes, second = divmod(round(seconds), 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour}:{minute:02}:{second:02}" if hour else f"{minute}:{second:02}"


def _wants_more(asked: Any) -> bool:
    return bool(asked.verbose or asked.printshellcmds or asked.debug_dag)


def _own_handler(asked: Any) -> logging.Handler:
    """Return the handler that Snakemake would use without a plugin."""
    from snakemake.logging import ColorizingTextHandler, DefaultFilter, DefaultFormatter  # loads plugins itself

    handler: logging.Handler = ColorizingTextHandler(
        nocolor=asked.nocolor, stream=sys.stdout if asked.stdout else sys.stderr
    )
    handler.addFilter(DefaultFilter(asked.quiet, asked.debug_dag, asked.verbose, asked.dryrun, asked.printshellcmds))
    handler.setFormatter(DefaultFormatter(asked.quiet, asked.show_failed_logs))
    return handler
