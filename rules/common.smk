"""What all rules share: the study, its jobs by stage, and the agreement with DVC."""

import logging
import os
import shlex
import sys
from contextlib import redirect_stderr
from functools import cache
from io import StringIO
from pathlib import Path

sys.path.insert(0, workflow.basedir)

import yaml
from snakemake.cli import parse_args
from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from pipeline.cli import configure_logging
from pipeline.plan.layout import MANIFEST, Layout
from pipeline.plan.stages import jobs
from pipeline.plan.twins import FORCED
from pipeline.plan.fingerprint import code
from pipeline.core.errors import SitterError
from pipeline.plan.requirements import missing
from pipeline.params import check, read
from pipeline.params.study_name import DEFAULT
from rules import cluster, homes, logs, watch
from rules.logs import logged

# The command line and the profiles, which Snakemake tells its rules only when all have been read. It has said already
# which profiles it uses.
with redirect_stderr(StringIO()):
    OPTIONS = parse_args(sys.argv[1:])[1]
# Nothing is going to be made.
DRY = (
    OPTIONS.dryrun or OPTIONS.touch or bool(OPTIONS.summary or OPTIONS.detailed_summary)
)
# Jobs go to SLURM: this is the run that sends them, or one that it has started, within a job.
ON_SLURM = OPTIONS.executor == "sitter-slurm" or bool(
    not workflow.is_main_process and cluster.study_as_sent()
)
if (OPTIONS.forcerun or OPTIONS.forceall) and not os.environ.get("DVC_STAGE"):
    # What the user wants to have done again is not taken from an earlier run.
    os.environ[FORCED] = "1"
if OPTIONS.executor == "slurm":
    raise WorkflowError(
        "The executor `slurm` does not know how trainings go on after their time limit: use `sitter-slurm`, with its "
        "settings under that name, as profiles/slurm does."
    )
if OPTIONS.executor == "sitter-slurm":
    # The cores of this machine, which profiles/default names, are no limit there.
    workflow.resource_settings.cores = None
    workflow.global_resources["_cores"] = sys.maxsize


def read_study():
    """The params files, as they stand and checked: params.yaml, or those given by --configfile."""
    given = workflow.config_settings.configfiles
    if workflow.config_settings.config:
        raise WorkflowError(
            "A study is made of params files: change values in a further --configfile and not by --config."
        )
    files = [Path(os.path.relpath(file)) for file in given] or [DEFAULT]
    if not workflow.is_main_process and cluster.study_as_sent():
        files = [Path(cluster.study_as_sent())]
    try:
        values = read(*files)
        study = check(values, " + ".join(map(str, files)), files)
        if workflow.is_main_process and study.name and not DRY:
            files = [homes.move_in(files, values, study)]
    except SitterError as error:
        raise WorkflowError(str(error))
    if ON_SLURM and workflow.is_main_process:
        cluster.send_study(
            yaml.safe_dump({**values, "name": study.name}, sort_keys=False)
        )
    return files, values, study


logs.keep()
configure_logging(logging.WARNING)
STUDY_FILES, VALUES, STUDY = read_study()
JOBS = {(job.stage, job.names): job for job in jobs(STUDY)}
OUTPUTS = frozenset(path for job in JOBS.values() for path in job.outputs)


def stage(name):
    """The command of a stage, for the shell and with the braces doubled that Snakemake would format."""
    words = ["python", "-m", "pipeline", name]
    for file in STUDY_FILES:
        words += ["--params", str(file)]
    return shlex.join(words).replace("{", "{{").replace("}", "}}")


def at(path):
    """For outputs and logs of a rule: a path in the home of the study."""
    return str(Layout.of(STUDY).home / path)


def names(*sections):
    """A wildcard constraint: the names of these sections of the study, and nothing else."""
    return (
        "|".join(name for section in sections for name in getattr(STUDY, section))
        or "(?!)"
    )


def job(stage, wildcards):
    """The job of a stage that these wildcards stand for."""
    return JOBS[stage, tuple(wildcards)]


def inputs(stage):
    """Input function of a rule: the manifests of what the job is made from, and each file of the user's own."""

    def files(wildcards):
        found = job(stage, wildcards)
        absent = missing(STUDY)
        needed = {"download": found.name, "train": "tracking"}
        if needed.get(stage, ".".join(filter(None, (stage, found.name)))) in absent:
            raise WorkflowError("\n".join(absent.values()))
        # Without the originals, what was made of them stands: Snakemake leaves a job alone whose inputs are not there.
        gone = any(not path.exists() for path in found.own)
        return [
            *(str(path if path.suffix else path / MANIFEST) for path in found.inputs),
            *(["the originals"] if gone else []),
        ]

    return files


def values(stage):
    """For `params:` of a rule: the values of the keys of params.yaml that count, as dvc.yaml names them.

    With them goes a digest of the user's own files that the job reads. They are no inputs of the rule, because Snakemake
    compares inputs by their times first, and takes braces in their names for wildcards.
    """

    def value(key):
        here = VALUES
        for part in key.split("."):
            here = here[part]
        return here

    def found(wildcards):
        this = job(stage, wildcards)
        counted = {key: value(key) for key in this.parameters}
        return counted | ({"own files": content(this)} if this.own else {})

    return found


@cache
def content(job):
    """A digest of the user's own files that a job reads."""
    try:
        return watch.digest(job, OUTPUTS)
    except SitterError as error:
        raise WorkflowError(str(error))


def environment(wildcards):
    """For `conda:` of a rule. Snakemake formats the path, so braces in it are doubled."""
    path = os.path.join(str(workflow.basedir), "envs", "sitter.yaml")
    return path.replace("{", "{{").replace("}", "}}")


@cache
def request(stage, name):
    """What a job asks for, as resources of its rule."""
    if not ON_SLURM:
        return cluster.locally(STUDY, stage, name)
    given = workflow.resource_settings.default_resources
    defaults = {
        key: given[key].raw
        for key in ("cpus", "gpu_count", "gpu_type", "mem_mb", "runtime")
        if key in given
    }
    return cluster.asked(STUDY, stage, name, defaults)


def asked(stage):
    """For `resources:` of a rule: a function for each."""

    def one(resource):
        return lambda wildcards: request(stage, next(iter(wildcards), "all")).get(
            resource
        )

    return {
        resource: one(resource)
        for resource in (cluster.NAMES if ON_SLURM else ["launch"])
    }


def cpus(stage, here):
    """For `threads:` of a rule: what the job asks SLURM for; without it, so many."""
    return lambda wildcards: (
        request(stage, next(iter(wildcards), "all"))["cpus_per_task"]
        if ON_SLURM
        else here
    )


def fingerprint(stage):
    """For `params:` of a rule: the fingerprint of the code that counts."""
    return lambda wildcards: code(stage, *job(stage, wildcards).kinds)


def every_target():
    """What `all` asks for: the file that stands for each job, so that an output that was deleted is made again."""
    return [str(job.target) for job in JOBS.values()]


if ON_SLURM and workflow.is_main_process:
    from rules import limits

    try:
        limits.check_requests(STUDY, request, workflow.resource_settings)
    except SitterError as error:
        raise WorkflowError(str(error))


# Two engines, one truth (rules/sync.py): what DVC brought is recorded before the work, what was made after it.
if workflow.is_main_process:
    from rules import sync, restore

    try:
        sync.before_snakemake(DRY, STUDY)
    except SitterError as error:
        raise WorkflowError(str(error))
    REPORT_BEFORE = sync.report_time(STUDY)
    if not (DRY or OPTIONS.delete_all_output):
        restore.keep(JOBS.values(), Layout.of(STUDY))


def after_success():
    """Commit to DVC where all of the study is up to date, and show the results of a run that made the report."""
    if OPTIONS.touch:
        return
    from pipeline.stages.report import results
    from rules import sync

    if workflow.is_main_process:
        try:
            sync.after_snakemake(STUDY)
        except SitterError as error:
            logger.error(str(error))
    if sync.is_first() and sync.report_time(STUDY) != REPORT_BEFORE:
        logger.info(results(STUDY, Layout.of(STUDY)))


def after_failure():
    """Commit to DVC what was finished before something failed."""
    from rules import sync

    if workflow.is_main_process:
        try:
            sync.after_snakemake(STUDY)
        except SitterError as error:
            logger.error(str(error))
