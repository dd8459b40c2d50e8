"""Restores earlier outputs if the work that should replace them fails.

Snakemake removes the output files of a job before it runs the job, and again if the job fails. DVC removes the outputs
of a stage before it runs the stage's command; it has them in its cache. So both are put back when the run ends, and
marked as unfinished, because they do not fit the present study.
"""

from __future__ import annotations

import atexit
import logging
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import yaml

from pipeline.core.layout import MANIFEST, Layout
from pipeline.plan.jobs import Job
from rules.dvc_yaml import stage_name
from rules.records import address, distrust, lock_file, record

logger = logging.getLogger(__name__)


def keep(jobs: Iterable[Job], at: Layout) -> None:
    """Keep the files that represent the outputs of a study's jobs until this process ends.

    Files that a killed run has kept are put back first.
    """
    kept = Path(".snakemake/sitter-kept") / (at.study or "-")
    jobs = list(jobs)
    every = {stage_name(job): [job.target, *(path / MANIFEST for path in job.outputs[1:])] for job in jobs}
    files = [file for made in every.values() for file in made]
    _put_back(files, kept)
    kept.mkdir(parents=True, exist_ok=True)
    for file in files:
        if file.exists():
            _link(file, kept / record(file).name)
    atexit.register(_put_back, files, kept)
    stage = os.environ.get("DVC_STAGE", "").rpartition(":")[2]  # the part before the colon is the path of dvc.yaml
    for job in jobs:
        if stage_name(job) == stage:
            atexit.register(_from_cache, job)


def _link(path: Path, other: Path) -> None:
    """Give a file a second name. Engines and stages remove or replace files; they write into none."""
    try:
        os.link(path, other)
    except OSError:  # a file system without hard links
        shutil.copyfile(path, other)


def _put_back(files: Iterable[Path], kept: Path) -> None:
    for file in files:
        if (same := kept / record(file).name).exists() and file.parent.is_dir() and not file.exists():
            os.replace(same, file)
            distrust(file)
    shutil.rmtree(kept, ignore_errors=True)


def _from_cache(job: Job) -> None:
    """Restore outputs that a stage has not made anew from DVC's cache."""
    lock = lock_file(Layout.holding(job.target))
    known = yaml.safe_load(lock.read_text()) if lock.exists() else None
    outputs = ((known or {}).get("stages", {}).get(stage_name(job)) or {}).get("outs", [])
    if all(Path(out["path"]).exists() for out in outputs):
        return
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    with Repo() as repo:
        for found in repo.stage.collect(address(job)):
            for out in found.outs:
                try:
                    if not out.exists:
                        out.checkout(force=True)
                        logger.warning(f"the stage failed; the earlier {out} was restored")
                except DvcException as error:
                    logger.error(f"{out} could not be restored: {error}")
    distrust(job.target)
