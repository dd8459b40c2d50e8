"""What each job was when its outputs were made: `data/made/STAGE/NAME.json` of a study.

A record holds a digest of all that the outputs depend on, what params.yaml said of the job, and hashes of the manifests
of the outputs. It says nothing where the outputs came another way since, as by `dvc pull`: then the hashes differ.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.core import files
from pipeline.core.files import MANIFEST
from pipeline.plan.jobs import Job
from pipeline.plan.layout import Layout


def write_record(job: Job, digest: str, values: Mapping[str, Any], at: Layout) -> None:
    """Keep what a job was that has made its outputs."""
    record = {"job": digest, "values": values, "outputs": manifests(job.outputs)}
    files.write_json(_file(at, job.stage, job.name), record)


def made_by(job: Job, digest: str, outputs: Sequence[Path], at: Layout) -> bool:
    """Whether outputs of a study were made by this very job, and are what they were then."""
    record, found = _read(at, job.stage, job.name), manifests(outputs)
    return bool(record) and all(found) and (record.get("job"), record.get("outputs")) == (digest, found)


def made_with(at: Layout, stage: str, name: str, output: Path) -> dict[str, Any]:
    """Return what params.yaml said of a job when its output folder was made, by key.

    Empty where nothing is known of that: there is no record, or the output has come another way since.
    """
    record = _read(at, stage, name)
    same = record.get("outputs", [])[:1] == manifests([output])
    return dict(record.get("values", {})) if same else {}


def manifests(outputs: Sequence[Path]) -> list[str]:
    """Return hashes of the manifests of output folders, empty where there is none.

    Where the first output is a file, it stands for all: a report, or the manifest of what lies beside it.
    """
    edges = [outputs[0]] if outputs[0].suffix else [path / MANIFEST for path in outputs]
    return [files.sha256(path) if path.is_file() else "" for path in edges]


def _file(at: Layout, stage: str, name: str) -> Path:
    return at.home / "data/made" / stage / f"{name or 'all'}.json"


def _read(at: Layout, stage: str, name: str) -> dict[str, Any]:
    try:
        found = json.loads(_file(at, stage, name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
