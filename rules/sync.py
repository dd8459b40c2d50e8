"""Snakemake and DVC in agreement: one truth about what is up to date, whichever of them did the work.

    python rules/sync.py run [SNAKEMAKE ARGUMENTS]    snakemake all, then record it in DVC
    python rules/sync.py repro [DVC ARGUMENTS]        dvc repro, then record it in Snakemake
    python rules/sync.py pull [DVC ARGUMENTS]         dvc pull, then record it in Snakemake

Each holds one lock, so that no training runs twice. The plain commands end in the same agreement: `snakemake all`
commits to DVC when it succeeds, and any `snakemake` first takes note of what `dvc repro`, `pull`, `checkout` or
`exp apply` has brought, which it can tell from `dvc.lock`.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from filelock import FileLock, Timeout

from pipeline.cli import configure_logging
from pipeline.core.errors import SitterError
from pipeline.params import load
from pipeline.plan import layout
from pipeline.plan.jobs import Job
from pipeline.plan.stages import jobs
from pipeline.stages.report import results
from rules import records
from rules.dvc_yaml import in_step, stage_name, write_dvc_yaml
from rules.plan import write_plan

logger = logging.getLogger("rules.agree")  # it may also run as a script
LOCK = Path(".snakemake/sitter.lock")
NOTHING_TO_DO = "Nothing to be done"


def before_snakemake(dry: bool, in_dvc: bool) -> None:
    """Take the lock for real work and follow what DVC has brought; called as a Snakefile is read.

    Args:
        dry: nothing is going to be made.
        in_dvc: the study is the one in params.yaml, which DVC knows.
    """
    by_dvc = os.environ.get("DVC_STAGE")
    if os.environ.get(records.HOLDER):
        return
    if not dry:
        _acquire(wait=bool(by_dvc))
    if by_dvc:
        bring_into_step()
    elif in_dvc and records.dvc_is_here() and not records.dvc_trouble():
        if not in_step() and not dry:
            write_dvc_yaml()
        follow_dvc()


def after_snakemake() -> None:
    """Commit what a plain Snakemake run has made; called when it has succeeded."""
    if is_first() and not os.environ.get("DVC_STAGE") and records.dvc_is_here():
        if trouble := records.dvc_trouble():
            logger.warning(f"nothing was recorded in DVC. {trouble}")
        else:
            commit()


def run(arguments: Sequence[str]) -> None:
    """`snakemake all`, then commit; with nothing to do, make sure that DVC knows so too."""
    with _lock():
        write_dvc_yaml()
        follow_dvc()
        _call("snakemake", *arguments, "--", "all")
        if trouble := records.dvc_trouble():
            logger.warning(f"nothing was recorded in DVC. {trouble}")
        elif not commit() and not records.agreed():
            raise SitterError("Snakemake has more to do after the run, so nothing was recorded in DVC: run it again.")
        print(results(load()))


def repro(arguments: Sequence[str]) -> None:
    """`dvc repro`, then let Snakemake take note of what it restored."""
    with _lock():
        _check_dvc()
        write_dvc_yaml()
        before = report_time()
        _call("dvc", "repro", *arguments)
        follow_dvc()
        if report_time() != before or not arguments:  # else, a part of the study was asked for
            print(results(load()))


def pull(arguments: Sequence[str]) -> None:
    """`dvc pull`, then let Snakemake take note of what came."""
    with _lock():
        _check_dvc()
        _call("dvc", "pull", *arguments)
        follow_dvc()


def is_first() -> bool:
    """Whether this Snakemake was called by neither engine, so that it has the last word."""
    return not os.environ.get(records.HOLDER)


def report_time() -> int:
    """Return when the report was made, in ns; 0 where there is none."""
    return layout.report().stat().st_mtime_ns if layout.report().exists() else 0


def commit() -> bool:
    """Record the outputs in DVC if Snakemake finds the whole study up to date and DVC does not know it yet.

    Stale outputs are never committed: they would poison DVC's run cache.

    Raises:
        SitterError: DVC finds that an input of a job has changed, which Snakemake has not run since.
    """
    study = load()
    write_plan(study)
    status = records.dvc_status()
    if records.agreed() and not status:
        return True
    words = subprocess.run(
        ["snakemake", "--dry-run", "--nolock", "all"], capture_output=True, text=True, env=records.environment()
    )
    if NOTHING_TO_DO not in words.stdout + words.stderr:
        return False
    every = jobs(study)
    # What was made of originals that are not here stays as DVC knows it.
    gone = {stage_name(job) for job in every if any(not path.exists() for path in job.own)}
    known = [job for job in every if stage_name(job) not in gone]
    if lines := [line for job in known if (line := records.unseen(job, status.get(stage_name(job), [])))]:
        raise SitterError("\n".join(lines))
    if targets := sorted(status.keys() - gone):
        _call("dvc", "commit", "--quiet", "--force", *targets)
    records.note_agreement()
    return True


def plan() -> None:
    """Let dvc.yaml and the plan follow params.yaml and the code, before any work: the first stage of `dvc repro`."""
    _check_dvc()
    bring_into_step()
    write_plan(load())


def bring_into_step() -> None:
    """Let dvc.yaml follow params.yaml.

    Raises:
        SitterError: it did not. It does now, but the DVC that runs this has read it before.
    """
    if not in_step():
        write_dvc_yaml()
        if ".dvc/tmp/exps" in Path.cwd().as_posix():  # a copy of the project, thrown away when the experiment fails
            raise SitterError(
                "dvc.yaml does not follow these params. An experiment of its own cannot change it: set the values in "
                "params.yaml, type `python rules/dvc_yaml.py`, and start the experiment again."
            )
        raise SitterError("dvc.yaml did not follow params.yaml. It does now: type the same command once more.")


def _check_dvc() -> None:
    if trouble := records.dvc_trouble():
        raise SitterError(trouble)


def follow_dvc() -> None:
    """Record in Snakemake's metadata what DVC says is up to date, and only that.

    That is done where dvc.lock has moved, or where Snakemake has no record of something that stands there.

    A job counts as up to date where DVC finds neither it nor anything that it is made from changed.
    """
    study = load()
    every = jobs(study)
    unknown = [job for job in every if job.target.exists() and not records.record(job.target).exists()]
    if not Path("dvc.lock").exists() or (records.agreed() and not unknown):
        return
    write_plan(study)
    stale = records.dvc_status().keys()
    fresh: dict[Path, Job] = {}
    for job in every:  # in the order of the stages: inputs before what is made of them
        made_of_fresh = all(path in fresh for path in job.inputs)
        if made_of_fresh and stage_name(job) not in stale and job.target.exists():
            fresh.update(dict.fromkeys((*job.outputs, job.target), job))
    targets = sorted({str(job.target) for job in fresh.values()})
    if targets:
        touch = ["snakemake", "--quiet", "all", "--nolock", "--touch", "--forceall", "--", *targets]
        done = subprocess.run(touch, env=records.environment(), capture_output=True, text=True)
        if done.returncode:
            raise SitterError(f"Snakemake could not take note of what DVC brought:\n{done.stderr}")
    for job in unknown:
        if job.target not in fresh:
            records.distrust(job.target)
    if not stale:
        records.note_agreement()


def _call(*command: str) -> None:
    """Run an engine to its end. Ctrl-C reaches it from the terminal by itself, SIGTERM is passed on: it cleans up."""
    engine = subprocess.Popen(command, env=records.environment())
    before = signal.signal(signal.SIGINT, signal.SIG_IGN), signal.signal(signal.SIGTERM, lambda *_: engine.terminate())
    try:
        code = engine.wait()
    finally:
        signal.signal(signal.SIGINT, before[0])
        signal.signal(signal.SIGTERM, before[1])
    if code:
        logger.error("stopped; what was finished stays, run the same again to go on")
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
        logger.warning(f"waiting for {who}, which is at work in this folder")
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
    configure_logging()
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
        logger.error(f"sitter {arguments[0]}: {error}")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
