"""Reads the states of jobs from SLURM: by `sacct` or, without accounting, by `squeue`."""

from __future__ import annotations

import getpass
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class State:
    """The state of a job, now or when it ended."""

    name: str = ""
    """SLURM's word, such as RUNNING; empty if SLURM does not know the job."""
    by: str = ""
    """Who cancelled the job, if that is known."""
    seconds: float = 0.0
    """Seconds that it has run, since it was requeued if it was."""
    limit: float = float("inf")
    """Time limit in seconds."""


def ask(numbers: Sequence[str], command: str) -> dict[str, State] | None:
    """Return the states of several jobs, queried at once.

    Args:
        numbers: the numbers of the jobs.
        command: `sacct` or `squeue`.

    Returns:
        The state of each job that SLURM knows; None where SLURM does not answer.
    """
    if command == "squeue":
        fields = "--format=%i|%T|%M|%l"
        found = lines(["squeue", "--noheader", "--states=all", "--user", getpass.getuser(), fields])
    else:
        fields = "--format=JobID,State,Elapsed,Timelimit"
        found = lines(["sacct", "-X", "--noheader", "--parsable2", fields, f"--jobs={','.join(numbers)}"])
    wanted = set(numbers)
    return None if found is None else {number: _state(*said) for number, *said in found if number in wanted}


def _state(said: str, elapsed: str = "", limit: str = "", *more: str) -> State:
    """Read SLURM's words: `CANCELLED by 1000`, `1-02:03:04`, `UNLIMITED`."""
    name, *by = said.split()
    ran = 60 * minutes(elapsed) if elapsed[:1].isdigit() else 0.0
    return State(name, _user(by[-1]) if by else "", ran, 60 * minutes(limit))


def _user(number: str) -> str:
    """Return the name of a user by the number that SLURM gives."""
    try:
        return pwd.getpwuid(int(number)).pw_name
    except (KeyError, ValueError):
        return f"user {number}"


def accounting() -> bool:
    """Whether SLURM keeps accounts that sacct can read."""
    said = lines(["scontrol", "show", "config"])
    return bool(shutil.which("sacct")) and not any(
        word[0].startswith("AccountingStorageType") and "none" in word[0] for word in said or []
    )


def lines(command: list[str]) -> list[list[str]] | None:
    """Return the fields of each line that a program of SLURM prints; None if it fails or takes too long."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return None if done.returncode else [line.strip().split("|") for line in done.stdout.splitlines() if line.strip()]


def minutes(limit: str) -> float:
    """Return SLURM's [days-]hours:minutes:seconds, or words like `infinite`, in minutes."""
    if not limit[:1].isdigit():
        return float("inf")
    days, _, clock = limit.rpartition("-")
    seconds = 0
    for part in clock.split(":"):
        seconds = 60 * seconds + int(part)
    return int(days or 0) * 24 * 60 + seconds / 60
