"""Keeps Snakemake and DVC in agreement about what is up to date, whichever of them did the work.

    python rules/sync.py run [SNAKEMAKE ARGUMENTS]    snakemake all, then record it in DVC
    python rules/sync.py repro [DVC ARGUMENTS]        dvc repro, then record it in Snakemake
    python rules/sync.py pull [DVC ARGUMENTS]         dvc pull, then record it in Snakemake

Each holds one lock, so that no training runs twice. The plain commands also end in agreement: `snakemake all`
commits to DVC when it succeeds, and any `snakemake` first records the outputs that `dvc repro`, `pull`, `checkout` or
`exp apply` has brought, which it detects by `dvc.lock`.
"""

from __future__ import annotations

import csv
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from pipeline.core.errors import SitterError
from pipeline.core.layout import Layout
from pipeline.core.log_format import configure_logging
from pipeline.params import Study, read
from pipeline.plan.jobs import Job
from pipeline.plan.stages import jobs
from pipeline.plan.twins import Twins
from pipeline.stages.report import results
from rules import records
from rules.dvc_yaml import in_step, stage_name, write_dvc_yaml
from rules.homes import asked_for, bring_home, follow_files, homes, params_file
from rules.lock import acquire, lock
from rules.plan import write_plan

logger = logging.getLogger("rules.sync")  # it may also run as a script


def before_snakemake(dry: bool, study: Study) -> None:
    """Take the lock if this run does real work, and record what DVC has brought; called while a Snakefile is read.

    Args:
        dry: whether this run makes nothing.
        study: the study of the run; its params are in its home unless the run is dry.
    """
    by_dvc = os.environ.get("DVC_STAGE")
    if os.environ.get(records.HOLDER):
        return
    if not dry:
        acquire(wait=bool(by_dvc))
        records.give_up_kept(jobs(study), Layout.of(study))
    if by_dvc:
        bring_into_step(study)
    elif params_file(study).exists() and records.dvc_is_here() and not records.dvc_trouble():
        if not dry and not in_step(study):
            write_dvc_yaml(study)
        follow_dvc(study)


def after_snakemake(study: Study) -> None:
    """Commit what a plain Snakemake run has made; called after success and after failure."""
    if is_first() and not os.environ.get("DVC_STAGE") and records.dvc_is_here():
        if trouble := records.dvc_trouble():
            logger.warning(f"nothing was recorded in DVC. {trouble}")
        else:
            commit(study)


def run(arguments: Sequence[str]) -> None:
    """Run `snakemake all`, then commit; if nothing is to do, make sure that DVC knows this, too."""
    with lock():
        study = bring_home(asked_for(arguments))
        write_dvc_yaml(study)
        follow_dvc(study)
        failed = _call("snakemake", *arguments, "--", "all")
        if trouble := records.dvc_trouble():
            logger.warning(f"nothing was recorded in DVC. {trouble}")
        elif not commit(study) and not failed:
            raise SitterError("Snakemake has more to do after the run, so DVC has no record of it: run it again.")
        _stop(failed)
        print(results(study, Layout.of(study)))


def repro(arguments: Sequence[str]) -> None:
    """Run `dvc repro`, then record in Snakemake what it restored."""
    with lock():
        _check_dvc()
        study = bring_home(asked_for(arguments))
        write_dvc_yaml(study)
        before = report_time(study)
        _stop(_call("dvc", "repro", *arguments))
        follow_dvc(study)
        if report_time(study) != before or not arguments:  # otherwise, only a part of the study was requested
            print(results(study, Layout.of(study)))


def pull(arguments: Sequence[str]) -> None:
    """Run `dvc pull`, then record in Snakemake what it brought."""
    with lock():
        _check_dvc()
        _stop(_call("dvc", "pull", *arguments))
        for file in homes():
            if records.lock_file(Layout.holding(file)).exists():
                follow_dvc(bring_home([file]))


def is_first() -> bool:
    """Whether no engine called this Snakemake, so that it shows the results."""
    return not os.environ.get(records.HOLDER)


def report_time(study: Study) -> int:
    """Return when a study's report was made, in nanoseconds; 0 where there is none."""
    report = Layout.of(study).report()
    return report.stat().st_mtime_ns if report.exists() else 0


def commit(study: Study) -> bool:
    """Record in DVC what Snakemake finds up to date and DVC lacks; return whether the whole study is up to date.

    Stale outputs are never committed: they would poison DVC's run cache.

    Raises:
        SitterError: DVC finds a changed input of a job that Snakemake has not run since.
    """
    write_plan(study)
    at = Layout.of(study)
    status = records.dvc_status(at)
    every = jobs(study)
    if records.agreed(at) and not status:
        records.give_up_kept(every, at)
        return True
    pending = _pending(study)
    # Outputs of originals that are missing here stay as DVC has recorded them.
    gone = {stage_name(job) for job in every if any(not path.exists() for path in job.own)}
    fresh = [job for job in every if job.target not in pending and stage_name(job) not in gone]
    if lines := [line for job in fresh if (line := records.unseen(job, status.get(stage_name(job), [])))]:
        raise SitterError("\n".join(lines))
    known = [records.address_of("plan", at)] if "plan" in status else []
    if targets := sorted([*known, *(records.address(job) for job in fresh if stage_name(job) in status)]):
        _call("dvc", "commit", "--quiet", "--force", *targets)
    records.note_agreement(at)  # even if more is to be made: Snakemake knows everything that came from DVC
    records.give_up_kept(every, at)
    return not pending


def _pending(study: Study) -> set[Path]:
    """The targets of the jobs that Snakemake would run now."""
    command = ["snakemake", "--nolock", "--summary", "all"]
    if study.name:
        command += ["--configfile", str(params_file(study))]
    told = subprocess.run(command, capture_output=True, text=True, env=records.environment())
    if told.returncode:
        raise SitterError(f"Snakemake could not say what is up to date, so nothing was recorded in DVC:\n{told.stderr}")
    rows = csv.DictReader(told.stdout.splitlines(), delimiter="\t")
    plans = {Path(row["output_file"]): row["plan"] for row in rows}
    return {job.target for job in jobs(study) if plans.get(job.target) != "no update"}


def plan(arguments: Sequence[str]) -> None:
    """Update dvc.yaml and the plan from params and code before any work: the first stage of `dvc repro`."""
    _check_dvc()
    files = asked_for(arguments)
    for file in files:
        follow_files(file)
    study = bring_home(files)
    bring_into_step(study)
    write_plan(study)


def bring_into_step(study: Study) -> None:
    """Update a study's dvc.yaml from its params.

    Raises:
        SitterError: the file was out of date. It is updated now, but the running DVC has read the old one.
    """
    if not in_step(study):
        write_dvc_yaml(study)
        file, params = records.dvc_file(Layout.of(study)), params_file(study)
        if ".dvc/tmp/exps" in Path.cwd().as_posix():  # a copy of the project, deleted if the experiment fails
            command = "python rules/dvc_yaml.py" + (f" --configfile {params}" if study.name else "")
            raise SitterError(
                f"{file} does not fit these params. A temporary copy cannot change it: set the values in "
                f"{params}, type `{command}`, and start the experiment again."
            )
        raise SitterError(f"{file} was out of date with {params}. It is updated now: run the same command once more.")


def _check_dvc() -> None:
    if trouble := records.dvc_trouble():
        raise SitterError(trouble)


def follow_dvc(study: Study) -> None:
    """Record in Snakemake's metadata what DVC says is up to date in a study, and only that.

    This is done if dvc.lock has changed, or if Snakemake has no record of an existing output.

    A job counts as up to date if DVC finds neither the job nor anything that it is made from changed.
    """
    at = Layout.of(study)
    every = jobs(study)
    values = read(params_file(study))

    def made_here(job: Job) -> bool:
        """Whether a job on a cluster made the outputs when no Snakemake was running to record them; they are kept."""
        return job.has_inputs() and Twins.of(job, values, at).made()

    unrecorded = [job for job in every if job.target.exists() and not records.record(job.target).exists()]
    unknown = [job for job in unrecorded if not made_here(job)]
    if not records.lock_file(at).exists() or (records.agreed(at) and not unknown):
        return
    write_plan(study)
    stale = records.dvc_status(at).keys()
    fresh: dict[Path, Job] = {}
    for job in every:  # in the order of the stages, inputs before outputs
        made_of_fresh = all(path in fresh for path in job.inputs)
        if made_of_fresh and stage_name(job) not in stale and job.target.exists():
            fresh.update(dict.fromkeys((*job.outputs, job.target), job))
    targets = sorted({str(job.target) for job in fresh.values()})
    if targets:
        given = ["--configfile", str(params_file(study))] if study.name else []
        touch = ["snakemake", "--quiet", "all", "--nolock", "--touch", "--forceall", *given, "--", *targets]
        done = subprocess.run(touch, env=records.environment(), capture_output=True, text=True)
        if done.returncode:
            raise SitterError(f"Snakemake could not record what DVC brought:\n{done.stderr}")
    for job in unknown:
        if job.target not in fresh:
            records.distrust(job.target)
    if not stale:
        records.note_agreement(at)


def _call(*command: str) -> int:
    """Run an engine to its end; return its exit status.

    Ctrl-C reaches it from the terminal; SIGTERM is passed on, so that it can clean up.
    """
    engine = subprocess.Popen(command, env=records.environment())
    before = signal.signal(signal.SIGINT, signal.SIG_IGN), signal.signal(signal.SIGTERM, lambda *_: engine.terminate())
    try:
        return engine.wait()
    finally:
        signal.signal(signal.SIGINT, before[0])
        signal.signal(signal.SIGTERM, before[1])


def _stop(code: int) -> None:
    """Exit if an engine has failed."""
    if code:
        logger.error("stopped; finished outputs stay: run the same command again to resume")
        raise SystemExit(code)


def main(arguments: Sequence[str]) -> int:
    """Run one of the three commands above."""
    configure_logging()
    commands = {"run": run, "repro": repro, "pull": pull}
    if not arguments or arguments[0] not in {*commands, "plan"}:
        print(__doc__)
        return 2
    try:
        if arguments[0] == "plan":
            plan(arguments[1:])
            return 0
        commands[arguments[0]](arguments[1:])
    except SitterError as error:
        logger.error(f"sitter {arguments[0]}: {error}")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
