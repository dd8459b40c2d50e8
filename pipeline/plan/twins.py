"""Does the same job of two studies only once: its outputs are taken from the study that has them.

Outputs that an earlier run of the same study made, and that were deleted before DVC recorded them, are taken back, too.

Two jobs are the same if stage and names, the code, the values of params.yaml, the user's own files and the content
of the inputs are the same. Records of the jobs that made the outputs stand in `data/made/` of the study.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from pipeline.core import files
from pipeline.core.files import MANIFEST
from pipeline.core.layout import RUNS, Layout
from pipeline.core.own_files import entries, is_folder
from pipeline.plan.fingerprint import code
from pipeline.plan.jobs import Job
from pipeline.plan.kept import bring_back, is_kept, keep, second_names
from pipeline.plan.made import made_by, write_record

logger = logging.getLogger(__name__)
ANEW = "SITTER_ANEW"
"""If this environment variable is set, every job runs, whatever other studies have."""
FORCED = "SITTER_FORCED"
"""If this environment variable is set, every job runs, whatever an earlier run of the study has made."""
DONE_ONCE = {"download", "render", "align", "split", "train", "embed", "outside", "fuse", "overlap", "explain"}
"""Stages with outputs that do not depend on the study that they were made for."""


@dataclass(frozen=True)
class Twins:
    """One job of a study, and the same job in other studies of the project."""

    job: Job
    at: Layout
    digest: str
    """Digest of everything that the outputs depend on."""
    values: Mapping[str, Any]
    """Values in params.yaml for the job, by key."""

    @classmethod
    def of(cls, job: Job, values: Mapping[str, Any], at: Layout) -> Twins:
        """Return the twins of a job with existing inputs.

        Args:
            job: a job of the study with the folders `at`.
            values: the content of the study's params files.
            at: the study's folders.
        """
        said = {key: _value(values, key) for key in job.parameters}
        counted: dict[str, Any] = {
            "job": [job.stage, *job.names],
            "code": code(job.stage, *job.kinds),
            "values": said,
            "inputs": {str(path.relative_to(at.home)): _content(path) for path in job.inputs},
            "own": [_own(path) for path in (*job.own, *job.beside)],
        }
        return cls(job, at, sha256(json.dumps(counted, sort_keys=True, default=str).encode()).hexdigest(), said)

    def take(self) -> bool:
        """Take the outputs from an earlier run, or from another study that has them; return whether it did.

        Every process of a job on several GPUs decides alike, and the first one takes them.
        """
        if os.environ.get(ANEW):
            return False
        if not os.environ.get(FORCED) and is_kept(self.job, self.digest, self.at):
            if os.environ.get("RANK", "0") == "0":
                bring_back(self.job, self.digest, self.at)
                self.note()
            name = " ".join((self.job.stage, *self.job.names))
            logger.info(f"{name}: taken from an earlier run, which ended before this was recorded")
            return True
        if self.job.stage not in DONE_ONCE:
            return False
        for other in self._others():
            theirs = [other.home / path.relative_to(self.at.home) for path in self.job.outputs]
            if made_by(self.job, self.digest, theirs, other):
                if os.environ.get("RANK", "0") == "0":
                    for path, there in zip(reversed(self.job.outputs), reversed(theirs), strict=True):
                        second_names(there, path, or_copy=True)
                    self.note()
                name = " ".join(self.job.names)
                where = f"{other.home}/" if other.study else "the study of params.yaml"
                logger.info(f"{self.job.stage} {name}: taken from {where}, which has done the same job")
                return True
        return False

    def made(self) -> bool:
        """Whether the outputs of the study exist and were made by this very job."""
        return made_by(self.job, self.digest, self.job.outputs, self.at)

    def note(self) -> None:
        """Write the record of the job that made the outputs; of several processes, the first one does."""
        if os.environ.get("RANK", "0") != "0":
            return
        write_record(self.job, self.digest, self.values, self.at)
        keep(self.job, self.digest, self.at)

    def _others(self) -> Iterator[Layout]:
        if self.at.study:
            yield Layout(self.at.root)
        for folder in sorted((self.at.root / RUNS).glob("*/")):
            if folder.name != self.at.study:
                yield Layout(self.at.root, folder.name)


def _value(values: Any, key: str) -> Any:
    for part in key.split("."):
        values = values[part]
    return values


def _content(path: Path) -> str:
    """Return a hash of the manifest that represents a folder, or of a file."""
    return files.sha256(path if path.suffix else path / MANIFEST)


def _own(path: Path) -> list[Any]:
    """Return the state of a user's file or folder, which changes with it: names, sizes, times and inodes."""
    if not path.is_dir():
        return [str(path), _state(path)]
    return [str(path), [[name, _state(Path(entry))] for name, entry in entries(path) if not is_folder(entry)]]


def _state(path: Path) -> list[int]:
    if not path.exists():
        return []
    found = path.stat()
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]
