"""Keeps second names of outputs that DVC has not recorded yet, so that nothing is lost if the outputs are deleted.

A run that is killed outright (`kill -9`, a power cut) records nothing, and `dvc checkout` and `dvc exp run` then delete
what it has made before any code of this project can act. So each job in a project with DVC gives its outputs second
names (hard links, which take no space) below `data/made/STAGE/NAME/`, as its last action. The same job takes them back
from there; they are removed once DVC has the outputs. If the file system has no hard links, or the outputs lie on
another file system than `data/`, nothing is kept.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from pipeline.core.files import MANIFEST, atomic_file, output_folder
from pipeline.core.layout import Layout
from pipeline.plan.jobs import Job

PART = ".part"


def keep(job: Job, digest: str, at: Layout) -> None:
    """Give the outputs of a job second names, if this is a project of DVC.

    Args:
        job: a job that has just ended.
        digest: the digest of everything that its outputs depend on.
        at: the folders of the job's study.
    """
    target = _folder(job, at) / digest
    if not (at.root / ".dvc").is_dir() or target.exists():
        return
    part = target.with_suffix(PART)
    shutil.rmtree(part, ignore_errors=True)
    try:
        for path in job.outputs:
            second_names(path, part / path.relative_to(at.home), or_copy=False)
        part.rename(target)
    except OSError:  # no hard links between the two places
        shutil.rmtree(part, ignore_errors=True)


def is_kept(job: Job, digest: str, at: Layout) -> bool:
    """Whether outputs of this very job from an earlier run are kept."""
    return (_folder(job, at) / digest).is_dir()


def bring_back(job: Job, digest: str, at: Layout) -> None:
    """Put back the outputs that this very job made in an earlier run."""
    for path in reversed(job.outputs):  # the manifest last
        second_names(_folder(job, at) / digest / path.relative_to(at.home), path, or_copy=True)


def kept(job: Job, at: Layout) -> Iterator[tuple[Path, Path]]:
    """Yield each folder with kept outputs of a job, and the file in it that represents them."""
    for folder in _folder(job, at).glob("*/"):
        if folder.suffix != PART:
            yield folder, folder / job.target.relative_to(at.home)


def _folder(job: Job, at: Layout) -> Path:
    return at.home / "data/made" / job.stage / (job.name or "all")


def second_names(there: Path, path: Path, or_copy: bool) -> None:
    """Give a file, or the files of a folder, a second name; nothing happens if the path does not exist.

    Manifests are copied, since Snakemake sets their times.

    Args:
        there: the file or folder.
        path: its other name; anything there is replaced once the new names are complete.
        or_copy: copy if the file system has no hard links.

    Raises:
        OSError: the file system has no hard links, and `or_copy` is false.
    """

    def name(source: str, target: str) -> None:
        if Path(source).name == MANIFEST:
            shutil.copy2(source, target)
            return
        try:
            os.link(source, target)
        except OSError:
            if not or_copy:
                raise
            shutil.copy2(source, target)

    if there.is_dir():
        with output_folder(path) as folder:
            shutil.copytree(there, folder, copy_function=name, dirs_exist_ok=True)
    elif there.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(path) as part:
            part.unlink(missing_ok=True)
            name(str(there), str(part))
