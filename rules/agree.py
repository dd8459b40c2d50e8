"""Snakemake and DVC in agreement: one truth about what is up to date, whichever of them did the work.

    python rules/agree.py run [SNAKEMAKE ARGUMENTS]    snakemake all, then record it in DVC
    python rules/agree.py repro [DVC ARGUMENTS]        dvc repro, then record it in Snakemake
    python rules/agree.py pull [DVC ARGUMENTS]         dvc pull, then record it in Snakemake

Each holds one lock, so that no training runs twice. The plain commands end in the same agreement: `snakemake all`
commits to DVC when it succeeds, and any `snakemake` first takes note of what `dvc repro`, `pull`, `checkout` or
`exp apply` has brought, which it can tell from `dvc.lock`.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from filelock import FileLock, Timeout

from pipeline import paths
from pipeline.artifacts import atomic_file
from pipeline.errors import SitterError
from pipeline.graph import Job, jobs
from pipeline.params import load
from pipeline.reporting.tables import results_table
from rules.dvc_yaml import PLAN, in_step, stage_name, write_dvc_yaml

LOCK = Path(".snakemake/sitter.lock")
# What dvc.lock was when the two engines last agreed.
AGREED = Path(".snakemake/sitter-agreed")
PLANNED = "dvc.yaml follows params.yaml\n"
# Set for the Snakemake and DVC that an engine calls while it holds the lock.
HOLDER = "SITTER_LOCK_HOLDER"
NOTHING_TO_DO = "Nothing to be done"


def before_snakemake(dry: bool, in_dvc: bool) -> None:
    """Called as a Snakefile is read: take the lock for real work, follow what DVC has brought.

    Args:
        dry: nothing is going to be made.
        in_dvc: the study is the one in params.yaml, which DVC knows.
    """
    if os.environ.get(HOLDER):
        return
    by_dvc = os.environ.get("DVC_STAGE")
    if not dry:
        _acquire(wait=bool(by_dvc))
    if by_dvc:
        if not in_step():
            write_dvc_yaml()
            raise SitterError(
                "dvc.yaml did not follow params.yaml and has been brought up to date: run dvc repro again."
            )
    elif in_dvc and _dvc_is_here():
        if not in_step() and not dry:
            write_dvc_yaml()
        follow_dvc()


def after_snakemake() -> None:
    """Called when a plain Snakemake run has succeeded: commit what it made."""
    if not os.environ.get(HOLDER) and not os.environ.get("DVC_STAGE") and _dvc_is_here():
        commit()


def run(arguments: Sequence[str]) -> None:
    """`snakemake all`, then commit; with nothing to do, make sure that DVC knows so too."""
    with _lock():
        write_dvc_yaml()
        follow_dvc()
        before = _lock_hash()
        _call("snakemake", "--quiet", "host", "progress", "rules", *arguments, "--", "all")
        if not commit() and not agreed():
            raise SitterError("Snakemake has more to do after the run, so nothing was recorded in DVC: run it again.")
        if _lock_hash() == before:  # nothing was made anew, so no stage has printed it
            print(f"{results_table(paths.results())}\nnothing to do; report: {paths.report()}")


def repro(arguments: Sequence[str]) -> None:
    """`dvc repro`, then let Snakemake take note of what it restored."""
    with _lock():
        write_dvc_yaml()
        _call("dvc", "repro", *arguments)
        follow_dvc()


def pull(arguments: Sequence[str]) -> None:
    """`dvc pull`, then let Snakemake take note of what came."""
    with _lock():
        _call("dvc", "pull", *arguments)
        follow_dvc()


def commit() -> bool:
    """Record the outputs in DVC if Snakemake finds the whole study up to date and DVC does not know it yet.

    Stale outputs are never committed: they would poison DVC's run cache.

    Raises:
        SitterError: DVC finds that an input of a job has changed, which Snakemake has not run since.
    """
    status = dvc_status()
    if agreed() and not status:
        return True
    words = subprocess.run(
        ["snakemake", "--dry-run", "--nolock", "all"], capture_output=True, text=True, env=_environment()
    )
    if NOTHING_TO_DO not in words.stdout + words.stderr:
        return False
    made = {job.target: job for job in jobs(load())}
    if unseen := [line for job in made.values() if (line := _unseen(job, status.get(stage_name(job), [])))]:
        raise SitterError("\n".join(unseen))
    write_plan()
    # What was made of originals that are not here stays as DVC knows it.
    gone = {stage_name(job) for job in made.values() if any(not path.exists() for path in job.own)}
    if targets := sorted(status.keys() - gone):
        _call("dvc", "commit", "--quiet", "--force", *targets)
    _note_agreement()
    return True


def _unseen(job: Job, changes: list[Any]) -> str:
    """Say it where DVC finds an input changed that Snakemake takes for the old one: one of them is wrong.

    That is so where nothing was recorded in DVC since the two agreed, and Snakemake has not run the job since.
    """
    inputs = {path.as_posix() for path in job.inputs} | {"params.yaml"}
    changed = sorted(
        {name for change in changes if "changed deps" in change for name in change["changed deps"]} - inputs
    )
    run = _record(job.target)
    if not changed or not agreed() or (run.exists() and run.stat().st_mtime > AGREED.stat().st_mtime):
        return ""
    return (
        f"{stage_name(job)} depends on {', '.join(changed)}, which has changed for DVC, but not for Snakemake. Nothing was "
        f"recorded in DVC. Run `snakemake --forcerun {job.stage} -- {job.target}`, then this again."
    )


def plan() -> None:
    """The first stage of `dvc repro`: see that dvc.yaml follows params.yaml before any work is done.

    Raises:
        SitterError: it did not. It does now, but the DVC that runs this has read it before.
    """
    if not in_step():
        write_dvc_yaml()
        raise SitterError("dvc.yaml did not follow params.yaml. It does now: type the same command once more.")
    write_plan()


def write_plan() -> None:
    """Write what the stage `plan` makes, if it is not there."""
    if not PLAN.exists() or PLAN.read_text() != PLANNED:
        with atomic_file(PLAN) as part:
            part.write_text(PLANNED)


def follow_dvc() -> None:
    """Where dvc.lock has moved, record in Snakemake's metadata what DVC says is up to date, and only that.

    A job counts as up to date where DVC finds neither it nor anything that it is made from changed.
    """
    if agreed() or not Path("dvc.lock").exists():
        return
    stale = dvc_status().keys()
    every = jobs(load())
    fresh: dict[Path, Job] = {}
    for job in every:  # in the order of the stages: inputs before what is made of them
        made_of_fresh = all(path in fresh for path in job.inputs)
        if made_of_fresh and stage_name(job) not in stale and job.target.exists():
            fresh.update(dict.fromkeys((*job.outputs, job.target), job))
    targets = sorted({str(job.target) for job in fresh.values()})
    if targets:
        touch = ["snakemake", "--quiet", "all", "--nolock", "--touch", "--forceall", "--", *targets]
        done = subprocess.run(touch, env=_environment(), capture_output=True, text=True)
        if done.returncode:
            raise SitterError(f"Snakemake could not take note of what DVC brought:\n{done.stderr}")
    for job in every:
        if job.target not in fresh and job.target.exists() and not _record(job.target).exists():
            _distrust(job.target)
    if not stale:
        _note_agreement()


def _record(target: Path, sort: str = "metadata") -> Path:
    """Where Snakemake keeps what it knows of an output."""
    return Path(".snakemake") / sort / urlsafe_b64encode(str(target).encode()).decode()


def _distrust(target: Path) -> None:
    """Have Snakemake make an output anew: DVC has brought it and finds it stale.

    Snakemake has no record of how it was made, and would take it for up to date. So it is marked as Snakemake marks
    what a run has left unfinished.
    """
    with atomic_file(_record(target, "incomplete")) as part:
        part.write_text(json.dumps({"external_jobid": None}))


def dvc_status() -> dict[str, list[Any]]:
    """What `dvc status` finds changed, by the name of the stage."""
    status = subprocess.run(["dvc", "status", "--json"], capture_output=True, text=True, env=_environment())
    if status.returncode:
        raise SitterError(f"dvc status failed:\n{status.stderr.strip()}")
    found: dict[str, list[Any]] = json.loads(status.stdout)
    return found


def agreed() -> bool:
    """Whether dvc.lock is as it was when both engines last agreed."""
    return AGREED.exists() and AGREED.read_text() == _lock_hash()


def _note_agreement() -> None:
    with atomic_file(AGREED) as part:
        part.write_text(_lock_hash())


def _lock_hash() -> str:
    lock = Path("dvc.lock")
    return hashlib.sha256(lock.read_bytes()).hexdigest() if lock.exists() else "no dvc.lock"


def _dvc_is_here() -> bool:
    return Path(".dvc").is_dir()


def _environment() -> dict[str, str]:
    return {**os.environ, HOLDER: str(os.getpid())}


def _call(*command: str) -> None:
    """Run an engine to its end. Ctrl-C reaches it from the terminal by itself, SIGTERM is passed on: it cleans up."""
    engine = subprocess.Popen(command, env=_environment())
    before = signal.signal(signal.SIGINT, signal.SIG_IGN), signal.signal(signal.SIGTERM, lambda *_: engine.terminate())
    try:
        code = engine.wait()
    finally:
        signal.signal(signal.SIGINT, before[0])
        signal.signal(signal.SIGTERM, before[1])
    if code:
        print("sitter: stopped; what was finished stays, run the same again to go on", file=sys.stderr)
        raise SystemExit(code)


def _acquire(wait: bool) -> FileLock:
    """The lock of this project, held until the process ends."""
    LOCK.parent.mkdir(exist_ok=True)
    lock = FileLock(LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        holder = LOCK.with_suffix(".holder")
        who = holder.read_text() if holder.exists() else "another run"
        if not wait:
            raise SitterError(f"{who} is at work in this folder: wait for it to end, then run this again.") from None
        print(f"sitter: waiting for {who}, which is at work in this folder", file=sys.stderr, flush=True)
        lock.acquire()
    command = " ".join(Path(word).name if i == 0 else word for i, word in enumerate(sys.argv))
    LOCK.with_suffix(".holder").write_text(f"«{command}» (process {os.getpid()})")
    _HELD.append(lock)
    return lock


_HELD: list[FileLock] = []  # a lock is released when its object goes: keep it


@contextmanager
def _lock() -> Iterator[None]:
    lock = _acquire(wait=False)
    try:
        yield
    finally:
        lock.release()


def main(arguments: Sequence[str]) -> int:
    """The three guarded ways in."""
    commands = {"run": run, "repro": repro, "pull": pull}
    if not arguments or arguments[0] not in {*commands, "plan"}:
        print(__doc__)
        return 2
    try:
        if arguments[0] == "plan":
            plan()
            return 0
        commands[arguments[0]](arguments[1:])
    except SitterError as error:
        print(f"sitter {arguments[0]}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
