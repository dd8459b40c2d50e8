"""What all rules share: the study, its jobs by stage, and the synchronisation with DVC."""

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
from pipeline.core.layout import MANIFEST, Layout
from pipeline.plan.stages import jobs
from pipeline.plan.twins import FORCED
from pipeline.plan.fingerprint import code
from pipeline.core.errors import SitterError
from pipeline.plan.requirements import missing
from pipeline.params import check, read
from pipeline.params.study_name import DEFAULT
from rules import cluster, homes, logs, watch
from rules.logs import logged

# The command line and the profiles, which rules cannot see while the Snakefile is read. Snakemake has already said
# which profiles it uses, so that the message is dropped here.
with redirect_stderr(StringIO()):
    OPTIONS = parse_args(sys.argv[1:])[1]
# True if this run will not make anything.
DRY = (
    OPTIONS.dryrun or OPTIONS.touch or bool(OPTIONS.summary or OPTIONS.detailed_summary)
)
# True if jobs go to SLURM: this is the run that sends them, or a run within a job.
ON_SLURM = OPTIONS.executor == "sitter-slurm" or bool(
    not workflow.is_main_process and cluster.study_as_sent()
)
if (OPTIONS.forcerun or OPTIONS.forceall) and not os.environ.get("DVC_STAGE"):
    # Jobs that the user forces to run again are not taken from an earlier run.
    os.environ[FORCED] = "1"
if OPTIONS.executor == "slurm":
    raise WorkflowError(
        "The executor `slurm` does not resume trainings after their time limit: use `sitter-slurm`, with its "
        "settings under that name, as profiles/slurm does."
    )
if OPTIONS.executor == "sitter-slurm":
    # The cores of this machine, which profiles/default names, are no limit on a cluster.
    workflow.resource_settings.cores = None
    workflow.global_resources["_cores"] = sys.maxsize


def read_study():
    """Return the params files, their content and the checked study: params.yaml, or the files given by --configfile."""
    given = workflow.config_settings.configfiles
    if workflow.config_settings.config:
        raise WorkflowError(
            "A study is made of params files: change values in a further --configfile instead of --config."
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
    """Return the command of a stage for the shell, with doubled braces, since Snakemake formats it."""
    words = ["python", "-m", "pipeline", name]
    for file in STUDY_FILES:
        words += ["--params", str(file)]
    return shlex.join(words).replace("{", "{{").replace("}", "}}")


def at(path):
    """Return a path in the home of the study, for outputs and logs of a rule."""
    return str(Layout.of(STUDY).home / path)


def names(*sections):
    """Return a wildcard constraint that matches only the names in these sections of the study."""
    return (
        "|".join(name for section in sections for name in getattr(STUDY, section))
        or "(?!)"
    )


def job(stage, wildcards):
    """Return the job of a stage with these wildcards."""
    return JOBS[stage, tuple(wildcards)]


def inputs(stage):
    """Return the input function of a rule: it gives the inputs' manifests, and fails if a user's file is missing."""

    def files(wildcards):
        found = job(stage, wildcards)
        absent = missing(STUDY, Layout.of(STUDY))
        needed = {"download": found.name, "train": "tracking"}
        if needed.get(stage, ".".join(filter(None, (stage, found.name)))) in absent:
            raise WorkflowError("\n".join(absent.values()))
        # If originals are gone, outputs made from them stay: Snakemake does not rerun a job with missing inputs.
        gone = any(not path.exists() for path in found.own)
        return [
            *(str(path if path.suffix else path / MANIFEST) for path in found.inputs),
            *(["the originals"] if gone else []),
        ]

    return files


def values(stage):
    """Return the values of the keys of params.yaml that count, as dvc.yaml names them, for `params:` of a rule.

    A digest of the user's own files that the job reads is added. The files are no inputs of the rule, because Snakemake
    compares inputs by their times first, and would take braces in their names for wildcards.
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
    """Return a digest of the user's own files that a job reads."""
    try:
        return watch.digest(job, OUTPUTS)
    except SitterError as error:
        raise WorkflowError(str(error))


def environment(wildcards):
    """Return the path for `conda:` of a rule, with doubled braces, since Snakemake formats it."""
    path = os.path.join(str(workflow.basedir), "envs", "sitter.yaml")
    return path.replace("{", "{{").replace("}", "}}")


@cache
def request(stage, name):
    """Return the requests of a job as resources of its rule."""
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
    """Return a function for each resource, for `resources:` of a rule."""

    def one(resource):
        return lambda wildcards: request(stage, next(iter(wildcards), "all")).get(
            resource
        )

    return {
        resource: one(resource)
        for resource in (cluster.NAMES if ON_SLURM else ["launch"])
    }


def cpus(stage, here):
    """Return the number of threads of a rule: the job's request on SLURM, or else `here`."""
    return lambda wildcards: (
        request(stage, next(iter(wildcards), "all"))["cpus_per_task"]
        if ON_SLURM
        else here
    )


def fingerprint(stage):
    """Return a function that gives the fingerprint of a job's code, for `params:` of a rule."""
    return lambda wildcards: code(stage, *job(stage, wildcards).kinds)


def every_target():
    """Return the inputs of `all`: the file that represents each job, so that a deleted output is made again."""
    return [str(job.target) for job in JOBS.values()]


if ON_SLURM and workflow.is_main_process:
    from rules import limits

    try:
        limits.check_requests(STUDY, request, workflow.resource_settings)
    except SitterError as error:
        raise WorkflowError(str(error))


# Both engines stay in agreement (rules/sync.py): what DVC brought is recorded before the work, new outputs after it.
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
    """Commit to DVC if the whole study is up to date, and show the results if the run made the report."""
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
