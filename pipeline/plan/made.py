"""Records of each job at the time when its outputs were made: `data/made/STAGE/NAME.json` of a study.

A record holds a digest of everything that the outputs depend on, the values in params.yaml for the job, and hashes of
the manifests of the outputs. If the outputs came another way since, as by `dvc pull`, the hashes differ and it is
ignored.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.core import files
from pipeline.core.files import MANIFEST
from pipeline.core.layout import Layout
from pipeline.plan.jobs import Job


def write_record(job: Job, digest: str, values: Mapping[str, Any], at: Layout) -> None:
    """Write the record of a job that has made its outputs."""
    record = {"job": digest, "values": values, "outputs": manifests(job.outputs)}
    files.write_json(_file(at, job.stage, job.name), record)


def made_by(job: Job, digest: str, outputs: Sequence[Path], at: Layout) -> bool:
    """Whether outputs of a study were made by this very job, and are unchanged since."""
    record, found = _read(at, job.stage, job.name), manifests(outputs)
    return bool(record) and all(found) and (record.get("job"), record.get("outputs")) == (digest, found)


def made_with(at: Layout, stage: str, name: str, output: Path) -> dict[str, Any]:
    """Return the values in params.yaml for a job at the time when its output folder was made, by key.

    The result is empty if they are unknown: there is no record, or the output came another way since.
    """
    record = _read(at, stage, name)
    same = record.get("outputs", [])[:1] == manifests([output])
    return dict(record.get("values", {})) if same else {}


def manifests(outputs: Sequence[Path]) -> list[str]:
    """Return hashes of the manifests of output folders; a hash is empty where there is no manifest.

    If the first output is a file, it represents all: a report, or the manifest of the files beside it.
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
