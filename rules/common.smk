"""What all rules share: the study, its jobs by stage, and the agreement with DVC."""

import os
import sys
from pathlib import Path

sys.path.insert(0, workflow.basedir)

import yaml
from snakemake.exceptions import WorkflowError

from pipeline import graph, paths
from pipeline.code import code
from pipeline.errors import SitterError
from pipeline.params import check


def read_study():
    """The params file, as it stands and checked: params.yaml, or the one given by --configfile."""
    given = workflow.config_settings.configfiles
    if len(given) > 1 or workflow.config_settings.config:
        raise WorkflowError(
            "A study is one params file: give one --configfile, and change values in it and not by --config."
        )
    file = os.path.relpath(given[0]) if given else "params.yaml"
    values = yaml.safe_load(Path(file).read_text()) if Path(file).exists() else None
    try:
        return file, values, check(values, file)
    except SitterError as error:
        raise WorkflowError(str(error))


STUDY_FILE, VALUES, STUDY = read_study()
JOBS = {(job.stage, job.names): job for job in graph.jobs(STUDY)}


def stage(name):
    """The command of a stage."""
    return f"python -m pipeline {name} --params {STUDY_FILE}"


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
        made = job(stage, wildcards).inputs
        own = (
            file
            for path in job(stage, wildcards).own
            for file in ([path] if not path.is_dir() else sorted(path.rglob("*")))
        )
        return [
            *(str(path if path.suffix else path / paths.MANIFEST) for path in made),
            *(str(file) for file in own if not file.is_dir()),
        ]

    return files


def values(stage):
    """For `params:` of a rule: the values of the keys of params.yaml that count, as dvc.yaml names them."""

    def value(key):
        here = VALUES
        for part in key.split("."):
            here = here[part]
        return here

    return lambda wildcards: {
        key: value(key) for key in job(stage, wildcards).parameters
    }


def fingerprint(stage):
    """For `params:` of a rule: the fingerprint of the code that counts."""
    return lambda wildcards: code(stage, *job(stage, wildcards).kinds)


def every_target():
    """What `all` asks for: the file that stands for each job, so that an output that was deleted is made again."""
    return [str(job.target) for job in JOBS.values()]


# Two engines, one truth (rules/agree.py): what DVC brought is recorded before the work, what was made after it.
if workflow.is_main_process and STUDY_FILE == "params.yaml":
    from rules import agree

    try:
        agree.before_snakemake(workflow.dryrun or workflow.touch)
    except SitterError as error:
        raise WorkflowError(str(error))


def record_in_dvc():
    """After a run that succeeded: commit to DVC where all of the study is up to date."""
    if STUDY_FILE == "params.yaml" and not workflow.touch:
        from rules import agree

        agree.after_snakemake()
