"""The engines' records of outputs, and contradictions between them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import yaml

from pipeline.core.errors import SitterError
from pipeline.core.files import atomic_file
from pipeline.core.layout import Layout
from pipeline.params.study_name import DEFAULT
from pipeline.plan.jobs import Job
from pipeline.plan.kept import kept
from rules.dvc_yaml import stage_name
from rules.plan import planned

# Environment variable, set for Snakemake and DVC when an engine calls them while it holds the lock.
HOLDER = "SITTER_LOCK_HOLDER"


def dvc_status(at: Layout) -> dict[str, list[Any]]:
    """Return what `dvc status` finds changed in a study, by the name of the stage."""
    command = ["dvc", "status", "--json", str(dvc_file(at))]
    status = subprocess.run(command, capture_output=True, text=True, env=environment())
    if status.returncode:
        raise SitterError(f"dvc status failed:\n{status.stderr.strip()}")
    found: dict[str, list[Any]] = json.loads(status.stdout)
    return {name.rpartition(":")[2]: changes for name, changes in found.items()}


def unseen(job: Job, changes: list[Any]) -> str:
    """Return a message if DVC finds a changed input that Snakemake takes for unchanged; otherwise "".

    This happens if nothing was recorded in DVC since the two agreed, and Snakemake has not run the job since.
    """
    at = Layout.holding(job.target)
    inputs = {path.as_posix() for path in (*job.inputs, planned(job), at.home / DEFAULT.name)}
    changed = sorted(
        {name for change in changes if "changed deps" in change for name in change["changed deps"]} - inputs
    )
    run = record(job.target)
    if not changed or not agreed(at) or (run.exists() and run.stat().st_mtime > _agreement(at).stat().st_mtime):
        return ""
    return (
        f"{stage_name(job)} depends on {', '.join(changed)}, which has changed for DVC, but not for Snakemake. "
        f"Run `snakemake --forcerun {job.stage} -- {job.target}`, then this again."
    )


def record(target: Path, sort: str = "metadata") -> Path:
    """Return the file in which Snakemake keeps what it knows of an output."""
    return Path(".snakemake") / sort / urlsafe_b64encode(str(target).encode()).decode()


def distrust(target: Path) -> None:
    """Make Snakemake run a job again: DVC has brought its output and finds it stale.

    Snakemake has no record of how it was made, and would take it for up to date. So it is marked as Snakemake marks
    the unfinished outputs of a run.
    """
    with atomic_file(record(target, "incomplete")) as part:
        part.write_text(json.dumps({"external_jobid": None}))


def dvc_file(at: Layout) -> Path:
    """Return the dvc.yaml of a study."""
    return at.home / "dvc.yaml"


def lock_file(at: Layout) -> Path:
    """Return the dvc.lock of a study."""
    return at.home / "dvc.lock"


def address(job: Job) -> str:
    """Return DVC's address of a job: `train@dlib-lora`, or `runs/NAME/dvc.yaml:train@dlib-lora`."""
    return address_of(stage_name(job), Layout.holding(job.target))


def address_of(name: str, at: Layout) -> str:
    """Return DVC's address of a stage of a study by the stage's name."""
    return f"{dvc_file(at)}:{name}" if at.study else name


def _agreement(at: Layout) -> Path:
    """Return the path of the file that records a study's dvc.lock when the two engines last agreed."""
    return Path(".snakemake") / "-".join(filter(None, ("sitter-agreed", at.study)))


def agreed(at: Layout) -> bool:
    """Whether a study's dvc.lock is unchanged since both engines last agreed."""
    return _agreement(at).exists() and _agreement(at).read_text() == lock_hash(at)


def note_agreement(at: Layout) -> None:
    """Record the state of a study's dvc.lock, now that both engines agree."""
    with atomic_file(_agreement(at)) as part:
        part.write_text(lock_hash(at))


def lock_hash(at: Layout) -> str:
    """Return a hash of a study's dvc.lock."""
    lock = lock_file(at)
    return hashlib.sha256(lock.read_bytes()).hexdigest() if lock.exists() else "no dvc.lock"


def dvc_is_here() -> bool:
    """Whether this is a project of DVC."""
    return Path(".dvc").is_dir()


def dvc_trouble() -> str:
    """Return why DVC cannot record anything here, or "": it fails if the path of its cache has braces."""
    cache = cache_folder()
    if not {"{", "}"} & set(cache):
        return ""
    return (
        f"DVC cannot keep its cache in {cache}, because of the braces in this path. Rename the folder, or type "
        "`dvc cache dir --local FOLDER` with a folder without braces in its path."
    )


def cache_folder() -> str:
    """Return where DVC keeps its cache."""
    config = ConfigParser(interpolation=None)
    config.read([".dvc/config", ".dvc/config.local"], encoding="utf-8")
    return os.path.abspath(os.path.join(".dvc", config.get("cache", "dir", fallback="cache")))


def give_up_kept(jobs: Iterable[Job], at: Layout) -> None:
    """Remove the second names of outputs that DVC has recorded: dvc.lock names their content."""
    folders = [(job, *found) for job in jobs for found in kept(job, at)]
    if not folders or not lock_file(at).exists():
        return
    stages = (yaml.load(lock_file(at).read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader)) or {})["stages"]
    for job, folder, manifest in folders:
        outputs = {out["path"]: out["md5"] for out in stages.get(stage_name(job), {}).get("outs", [])}
        if _md5(manifest) == _recorded(job.target, outputs):
            shutil.rmtree(folder)


def _recorded(target: Path, outputs: dict[str, str]) -> str:
    """Return the MD5 that DVC has for a job's target (an output or a file in one); "" if it has none."""
    if found := outputs.get(target.as_posix()):
        return found
    whole = outputs.get(target.parent.as_posix(), "")
    listed = Path(cache_folder(), "files/md5", whole[:2], whole[2:])
    if not whole or not listed.is_file():
        return ""
    files: list[dict[str, str]] = json.loads(listed.read_text())
    return next((file["md5"] for file in files if file["relpath"] == target.name), "")


def _md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() if path.is_file() else "nothing"


def environment() -> dict[str, str]:
    """Return the environment for an engine that is called while the lock is held."""
    return {**os.environ, HOLDER: str(os.getpid())}
