"""The logs of the stages, `logs/STAGE/NAME.log`: each attempt at a job is appended to the log of earlier attempts."""

from __future__ import annotations

from typing import Any

from snakemake.jobs import Job


def keep() -> None:
    """Make Snakemake keep the log of a job that it runs again; by default, it deletes logs together with outputs."""
    remove = Job.remove_existing_output

    async def remove_outputs_only(job: Any) -> None:
        logs, job._log = job.log, []
        try:
            await remove(job)
        finally:
            job._log = logs

    Job.remove_existing_output = remove_outputs_only


def logged(command: str) -> str:
    """Return a command with its output sent to the log, between two lines of `log.sh`, for `shell:` of a rule.

    Signals that SLURM sends ahead of its limits reach every process of a job. They are meant for the stage: its shell
    waits for it, and its last output is written, too.
    """
    return (
        "trap : TERM USR1; trap 'sh rules/log.sh {log} ended $?' EXIT; "
        f"{command} 2>&1 | (trap '' INT TERM USR1; exec sh rules/log.sh {{log}})"
    )
