"""What stood before comes back where the work that was to replace it fails.

Snakemake removes the output files of a job before it runs the job, and again where it fails. DVC removes the outputs of
a stage before it runs the stage's command; it has them in its cache. So both are put back when the run ends, and marked
as unfinished: they are not what the study asks for now.
"""

from __future__ import annotations

import atexit
import logging
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import yaml

from pipeline.plan.jobs import Job
from pipeline.plan.layout import MANIFEST
from rules.dvc_yaml import stage_name
from rules.records import distrust, record

logger = logging.getLogger(__name__)
KEPT = Path(".snakemake/sitter-kept")


def keep(jobs: Iterable[Job]) -> None:
    """Keep what stands for the outputs of jobs until this process ends; what a killed run has kept comes back first."""
    every = {stage_name(job): [job.target, *(path / MANIFEST for path in job.outputs[1:])] for job in jobs}
    files = [file for made in every.values() for file in made]
    _put_back(files)
    KEPT.mkdir(parents=True, exist_ok=True)
    for file in files:
        if file.exists():
            _link(file, _kept(file))
    atexit.register(_put_back, files)
    stage = os.environ.get("DVC_STAGE")
    if stage in every:
        atexit.register(_from_cache, stage, every[stage][0])


def _kept(file: Path) -> Path:
    return KEPT / record(file).name


def _link(path: Path, other: Path) -> None:
    """Give a file a second name. Engines and stages remove or replace files; they write into none."""
    try:
        os.link(path, other)
    except OSError:  # a file system without hard links
        shutil.copyfile(path, other)


def _put_back(files: Iterable[Path]) -> None:
    for file in files:
        if _kept(file).exists() and file.parent.is_dir() and not file.exists():
            os.replace(_kept(file), file)
            distrust(file)
    shutil.rmtree(KEPT, ignore_errors=True)


def _from_cache(stage: str, target: Path) -> None:
    """Take from DVC's cache what a stage has not made anew."""
    lock = Path("dvc.lock")
    known = yaml.safe_load(lock.read_text()) if lock.exists() else None
    outputs = ((known or {}).get("stages", {}).get(stage) or {}).get("outs", [])
    if all(Path(out["path"]).exists() for out in outputs):
        return
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    with Repo() as repo:
        for found in repo.stage.collect(stage):
            for out in found.outs:
                try:
                    if not out.exists:
                        out.checkout(force=True)
                        logger.warning(f"the stage failed; {out} is again what it was")
                except DvcException as error:
                    logger.error(f"{out} could not be brought back: {error}")
    distrust(target)
