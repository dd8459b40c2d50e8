"""The output of the stage `plan` of dvc.yaml: a file for each job with the fingerprint of the code that the job uses.

A DVC job depends on its file here instead of on the 40 to 60 modules themselves. DVC rewrites dvc.lock after each
stage, which takes seconds if it lists all modules for each job, and shows a column for each dependency in `dvc exp
show`.
"""

from __future__ import annotations

from pathlib import Path

from pipeline.core.files import atomic_file
from pipeline.core.layout import Layout
from pipeline.params import Study
from pipeline.plan.fingerprint import code
from pipeline.plan.jobs import Job
from pipeline.plan.stages import jobs


def plan_folder(at: Layout) -> Path:
    """Return the folder of a study's plan."""
    return at.home / "data/plan"


def planned(job: Job) -> Path:
    """Return the file that holds the fingerprint of a job's code."""
    folder = plan_folder(Layout.holding(job.target))
    return folder / job.stage / f"{job.name}.txt" if job.names else folder / f"{job.stage}.txt"


def write_plan(study: Study) -> None:
    """Write the file of each job if it is missing or differs, and remove files of other studies."""
    wanted = {planned(job): f"{code(job.stage, *job.kinds)}\n" for job in jobs(study)}
    for path in plan_folder(Layout.of(study)).rglob("*"):
        if path.is_file() and path not in wanted:
            path.unlink()
    for path, text in wanted.items():
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            with atomic_file(path) as part:
                part.write_text(text, encoding="utf-8")
