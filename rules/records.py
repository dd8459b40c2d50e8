"""What each engine has on record of what was made, and where the two contradict each other."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from base64 import urlsafe_b64encode
from configparser import ConfigParser
from pathlib import Path
from typing import Any

from pipeline.core.errors import SitterError
from pipeline.core.files import atomic_file
from pipeline.plan.jobs import Job
from rules.dvc_yaml import stage_name
from rules.plan import planned

# What dvc.lock was when the two engines last agreed.
AGREED = Path(".snakemake/sitter-agreed")
# Set for the Snakemake and DVC that an engine calls while it holds the lock.
HOLDER = "SITTER_LOCK_HOLDER"


def dvc_status() -> dict[str, list[Any]]:
    """Return what `dvc status` finds changed, by the name of the stage."""
    status = subprocess.run(["dvc", "status", "--json"], capture_output=True, text=True, env=environment())
    if status.returncode:
        raise SitterError(f"dvc status failed:\n{status.stderr.strip()}")
    found: dict[str, list[Any]] = json.loads(status.stdout)
    return found


def unseen(job: Job, changes: list[Any]) -> str:
    """Return a message where DVC finds an input changed that Snakemake takes for the old one, or "".

    That is so where nothing was recorded in DVC since the two agreed, and Snakemake has not run the job since.
    """
    inputs = {path.as_posix() for path in (*job.inputs, planned(job))} | {"params.yaml"}
    changed = sorted(
        {name for change in changes if "changed deps" in change for name in change["changed deps"]} - inputs
    )
    run = record(job.target)
    if not changed or not agreed() or (run.exists() and run.stat().st_mtime > AGREED.stat().st_mtime):
        return ""
    return (
        f"{stage_name(job)} depends on {', '.join(changed)}, which has changed for DVC, but not for Snakemake. "
        f"Run `snakemake --forcerun {job.stage} -- {job.target}`, then this again."
    )


def record(target: Path, sort: str = "metadata") -> Path:
    """Return the file in which Snakemake keeps what it knows of an output."""
    return Path(".snakemake") / sort / urlsafe_b64encode(str(target).encode()).decode()


def distrust(target: Path) -> None:
    """Have Snakemake make an output anew: DVC has brought it and finds it stale.

    Snakemake has no record of how it was made, and would take it for up to date. So it is marked as Snakemake marks
    what a run has left unfinished.
    """
    with atomic_file(record(target, "incomplete")) as part:
        part.write_text(json.dumps({"external_jobid": None}))


def agreed() -> bool:
    """Whether dvc.lock is as it was when both engines last agreed."""
    return AGREED.exists() and AGREED.read_text() == lock_hash()


def note_agreement() -> None:
    """Keep what dvc.lock is, now that both engines agree."""
    with atomic_file(AGREED) as part:
        part.write_text(lock_hash())


def lock_hash() -> str:
    """Return a hash of dvc.lock."""
    lock = Path("dvc.lock")
    return hashlib.sha256(lock.read_bytes()).hexdigest() if lock.exists() else "no dvc.lock"


def dvc_is_here() -> bool:
    """Whether this is a project of DVC."""
    return Path(".dvc").is_dir()


def dvc_trouble() -> str:
    """Return why DVC cannot record anything here, or "": it fails where the path of its cache has braces."""
    config = ConfigParser(interpolation=None)
    config.read([".dvc/config", ".dvc/config.local"], encoding="utf-8")
    cache = os.path.abspath(os.path.join(".dvc", config.get("cache", "dir", fallback="cache")))
    if not {"{", "}"} & set(cache):
        return ""
    return (
        f"DVC cannot keep its cache in {cache}, because of the braces in this path. Rename the folder, or type "
        "`dvc cache dir --local FOLDER` with a folder that has none."
    )


def environment() -> dict[str, str]:
    """Return the environment for an engine that is called while the lock is held."""
    return {**os.environ, HOLDER: str(os.getpid())}
