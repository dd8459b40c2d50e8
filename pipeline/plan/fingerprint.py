"""Fingerprints of the package's code: what a stage's results depend on beside its parameters and inputs.

A stage depends on every module of `pipeline` that it imports, transitively. Registries are left out: a job depends on
the kinds that its entry in `params.yaml` names, not on those it does not use, so that adding a loss, or changing a loss
that a model does not use, retrains nothing.
"""

from __future__ import annotations

import hashlib
import importlib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pipeline.core.registry import PROJECT, Registry
from pipeline.plan.stages import STAGES

PARAMS = PROJECT / "pipeline" / "params" / "__init__.py"
REGISTRIES = {
    "sources": "pipeline.sources:SOURCES",
    "detectors": "pipeline.faces.detectors:DETECTORS",
    "backbones": "pipeline.models.backbones:BACKBONES",
    "adaptations": "pipeline.models.adaptations:ADAPTATIONS",
    "losses": "pipeline.losses:LOSSES",
    "fusions": "pipeline.fusions:FUSIONS",
    "metrics": "pipeline.metrics:METRICS",
}
# What says things and decides nothing: no result depends on it.
WORDS = {
    PROJECT / "pipeline" / name
    for name in ("__init__.py", "core/errors.py", "core/progress.py", "core/file_types.py", "core/registry.py")
}
# What counts in the text of a source file: its imports, strings that may name a file beside it, and a registry.
FROM = re.compile(r"^[ \t]*from (pipeline[\w.]*) import (?:\(([^)]*)\)|([^\n#;]+))", re.MULTILINE)
IMPORT = re.compile(r"^[ \t]*import (pipeline[\w., ]*)", re.MULTILINE)
COMMENT = re.compile(r"#.*")
NAMED = re.compile(r"""["'](\w[\w.-]*\.\w+)["']""")
REGISTRY = re.compile(r"^[A-Z]+(?:: Registry)? = Registry\(", re.MULTILINE)


@dataclass(frozen=True)
class _Source:
    """What counts of a source file."""

    imported: frozenset[str]
    """Modules, and names in modules, that it imports."""
    named: frozenset[str]
    """Strings in it that may name a file beside it: the report's templates, say."""
    registry: bool
    """Whether it makes a registry."""


@cache
def _read(path: Path) -> _Source:
    """Read a file by patterns: Snakemake reads most of the package at each start, and parsing takes 15 times longer."""
    text = path.read_text(encoding="utf-8")
    imported: set[str] = set()
    for module, parenthesised, plain in FROM.findall(text):
        names = COMMENT.sub("", parenthesised or plain).split(",")
        imported.update([module, *(f"{module}.{name.split()[0]}" for name in names if name.strip())])
    for names in IMPORT.findall(text):
        imported.update(name.split()[0] for name in names.split(","))
    named = frozenset(NAMED.findall(text))
    return _Source(frozenset(imported), named, path.name == "__init__.py" and REGISTRY.search(text) is not None)


@cache
def _file(module: str) -> Path | None:
    """Source file of a module of this package; None for anything else."""
    base = PROJECT / module.replace(".", "/")
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if module.partition(".")[0] == "pipeline" and path.is_file():
            return path
    return None


@cache
def _imports(path: Path) -> frozenset[Path]:
    """Files of the package that a file imports; registries, `pipeline.params` and words left out."""
    found = {file for name in _read(path).imported if (file := _file(name)) is not None}
    return frozenset(f for f in found if f != PARAMS and f not in WORDS and not _read(f).registry)


@cache
def _beside(path: Path) -> frozenset[Path]:
    """Files beside a module that it names in a string of its own: the report's templates, say."""
    files = (path.parent / name for name in _read(path).named)
    return frozenset(f for f in files if f.suffix != ".py" and f.is_file())


def sources(*modules: str) -> list[Path]:
    """Files of the package that these modules import or name, transitively, themselves included."""
    found: set[Path] = set()
    queue = [path for module in modules if (path := _file(module)) is not None]
    while queue:
        path = queue.pop()
        if path not in found:
            found.add(path)
            queue.extend(_imports(path))
    return sorted(found | {file for path in found for file in _beside(path)})


def job_sources(stage: str, kinds: tuple[str, ...] = ()) -> list[Path]:
    """Files that a job depends on, relative to the project: its stage's, its sections' defaults, its kinds'.

    `kinds` are written as `losses/triplet`: the folder in `REGISTRIES`, and the name in `params.yaml`.
    """
    modules = [f"pipeline.stages.{stage}", *(f"pipeline.params.{section}" for section in STAGES[stage].sections)]
    for kind in kinds:
        folder, _, name = kind.partition("/")
        module, _, attribute = REGISTRIES[folder].partition(":")
        registry: Registry = getattr(importlib.import_module(module), attribute)
        modules.append(registry.module(name) or "")
    return [path.relative_to(PROJECT) for path in sources(*modules)]


def code(stage: str, *kinds: str) -> str:
    """Fingerprint of a job's code: hash of the names and contents of all files that it depends on."""
    digest = hashlib.sha256()
    for path in job_sources(stage, kinds):
        digest.update(path.as_posix().encode() + b"\0" + hashlib.sha256((PROJECT / path).read_bytes()).digest())
    return digest.hexdigest()[:32]
