"""Decides what follows after a failed attempt at a job: a free further attempt, one of the retries, or the end.

A training of several days under a time limit of one day is stopped and resumed several times. That is no failure as
long as each attempt makes progress. Progress means results on disk that the next attempt need not compute again: the
checkpoint of a training, the finished parts of an alignment.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from snakemake_executor_plugin_sitter_slurm.states import State

LATE = 90.0
"""SLURM looks at the limits twice a minute, and signals up to a minute earlier than it was told to."""
MEND = {"OUT_OF_MEMORY": "Give it more: resources.{stage}.{name}.memory_gb."}


@dataclass(frozen=True)
class Standing:
    """The progress of a job, by its files on disk."""

    key: str = ""
    """Digest of the checkpoint's parameters, inputs and code. With another key, the training has started anew."""
    done: int = 0
    """Number of steps of a training, or of parts of an alignment."""
    place: str = ""
    """The same progress in words."""
    writing: float | None = None
    """Seconds that it took to write the last checkpoint."""
    stopped: str = ""
    """The signal at which the last attempt stopped in good order."""
    stop: list[int] | None = None
    """Identity of the file that records this stop: it changes with each stop."""

    def is_beyond(self, before: Standing) -> bool:
        """Whether the job has made progress since `before`."""
        return self.done > (before.done if self.key == before.key else 0)


def standing(job: Any) -> Standing:
    """Return the present progress of a job of Snakemake."""
    # Imported only here: see the package's docstring.
    from pipeline.core.layout import MANIFEST, Layout
    from pipeline.training import status

    if job.is_group() or not job.wildcards:
        return Standing()
    stage, name, at = job.rule.name, job.wildcards[0], Layout.holding(Path(job.output[0]))
    if stage == "train":
        folder = at.checkpoints(name)
        far = status.read(folder) or status.Progress("", 0, "", math.nan)
        stopped, stop = status.read_stop(folder) or "", identity(folder / status.STOPPED)
        writing = None if math.isnan(far.seconds) else far.seconds
        return Standing(far.key, far.step, far.place, writing, stopped, stop)
    if stage == "align":
        parts = len(list(at.checkpoints(f"align--{name}").glob(f"*/*-of-*/{MANIFEST}")))
        return Standing(done=parts, place=f"{parts} finished parts")
    return Standing()


def lead(limit: float, writing: float | None) -> int:
    """Compute how many seconds before its time limit a training is told to stop.

    It is a fortieth of the limit, between 15 seconds and 5 minutes, or more if the checkpoint needs it.

    Args:
        limit: time limit of the job, in seconds.
        writing: seconds that the last checkpoint took to write; None before the first one.
    """
    needed = min(70.0, limit / 10) if writing is None else min(10 + 3 * writing, limit / 2)
    return math.ceil(max(min(limit / 40, 300), needed, 15))


def identity(path: Path | str) -> list[int] | None:
    """Return inode, time and size of a file, which change when it is written anew; None if it does not exist."""
    try:
        stat = Path(path).stat()
    except OSError:
        return None
    return [stat.st_ino, stat.st_mtime_ns, stat.st_size]


class Follows(Enum):
    """What follows a failed attempt."""

    AGAIN = "the job is sent again, and no retry is spent"
    RETRY = "Snakemake sends it again if it has retries left"
    END = "the job has failed, whatever retries are left"


def met_its_limit(state: State, before: Standing, now: Standing) -> bool:
    """Whether a job ended because of its time limit: SLURM killed it, or told it to stop ahead of the limit."""
    if state.name == "TIMEOUT":
        return True
    near = state.seconds >= state.limit - lead(state.limit, before.writing) - LATE
    return state.name == "FAILED" and near and stopped_in_order(before, now)


def stopped_in_order(before: Standing, now: Standing) -> bool:
    """Whether the stage has recorded that it stopped because a signal asked it to."""
    return now.stop is not None and now.stop != before.stop


def verdict(stage: str, name: str, state: State, before: Standing, now: Standing) -> tuple[Follows, str]:
    """Decide what follows, and say what happened.

    Args:
        stage, name: the job's stage and name.
        state: the state in which it ended without success.
        before, now: its progress when it was sent, and its progress now.

    Returns:
        What follows, and the rest of the message «train-NAME: SLURM job NUMBER …».
    """
    ahead = now.is_beyond(before)
    if state.name in ("", "COMPLETED"):
        what = "ended, but its outputs are missing or older than it" if state.name else "is unknown to SLURM by now"
        return Follows.RETRY, f"{what}: not taken for a success."
    if state.name == "CANCELLED":
        by = f" by {state.by}" if state.by else ""
        kept = " Run the same command to go on from its last checkpoint." if stage == "train" else ""
        return Follows.END, f"was cancelled{by}, so it is not sent again.{kept}"
    if met_its_limit(state, before, now):
        limit = "its time limit" + (f" of {duration(state.limit)}" if math.isfinite(state.limit) else "")
        if ahead:
            return Follows.AGAIN, f"stopped at {limit} at {now.place}, goes on."
        return Follows.END, f"made no progress within {limit}: {_more_time(stage, name, now)}"
    interrupted = {"NODE_FAIL": "lost its node", "PREEMPTED": "was preempted"}.get(state.name)
    if interrupted is None and state.name == "FAILED" and stopped_in_order(before, now):
        interrupted = f"was stopped by {now.stopped}"
    if interrupted and ahead:
        return Follows.AGAIN, f"{interrupted} at {now.place}, goes on."
    if interrupted:
        return Follows.RETRY, f"{interrupted} ({state.name}) before it made progress."
    return Follows.RETRY, " ".join(
        [f"ended as {state.name}.", *([MEND[state.name].format(stage=stage, name=name)] if state.name in MEND else [])]
    )


def _more_time(stage: str, name: str, now: Standing) -> str:
    """Say how far a job got that made no progress within its time limit, and what to do."""
    hours = f"raise resources.{stage}.{name}.hours" if name else "raise its runtime"  # a group of jobs has no name
    if stage == "train":
        at = f"its last checkpoint is at {now.place}" if now.place else "it has not written a checkpoint yet"
        return f"{at}. To give it more time, {hours}."
    if stage == "align":
        return f"each attempt starts over except for finished parts. To give it more time, {hours}, or have more parts."
    return f"each attempt starts over. To give it more time, {hours}."


def duration(seconds: float) -> str:
    """Return a time limit in words: `3 minutes`, `36 hours`."""
    count, unit = (seconds / 3600, "hour") if seconds >= 7200 else (seconds / 60, "minute")
    return f"{count:.3g} {unit}{'' if count == 1 else 's'}"
