"""The logs of the stages, `logs/STAGE/NAME.log`: each attempt at a job is added to the log of those before it."""

from __future__ import annotations

from typing import Any

from snakemake.jobs import Job


def keep() -> None:
    """Have Snakemake keep the log of a job that it runs again; by itself, it deletes logs together with outputs."""
    remove = Job.remove_existing_output

    async def remove_outputs_only(job: Any) -> None:
        logs, job._log = job.log, []
        try:
            await remove(job)
        finally:
            job._log = logs

    Job.remove_existing_output = remove_outputs_only


def logged(command: str) -> str:
    """For `shell:` of a rule: a command whose words go to the log, between two lines of `log.sh`.

    Signals that SLURM sends ahead of its limits reach every process of a job. They are for the stage: its shell waits
    for it, and what it says last is written, too.
    """
    return (
        "trap : TERM USR1; trap 'sh rules/log.sh {log} ended $?' EXIT; "
        f"{command} 2>&1 | (trap '' INT TERM USR1; exec sh rules/log.sh {{log}})"
    )
