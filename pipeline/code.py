"""Fingerprints of the package's code: what a stage's results depend on beside its parameters and inputs.

A stage depends on every module of `pipeline` that it imports, transitively. Registries are left out: a job depends on
the kinds that its entry in `params.yaml` names, not on those it does not use, so that adding a loss, or changing a loss
that a model does not use, retrains nothing.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from pipeline.kinds import PROJECT, Registry

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
WORDS = {PROJECT / "pipeline" / f"{name}.py" for name in ("__init__", "errors", "progress", "kinds")}
# Sections of params.yaml whose defaults a stage uses, where they are not just the stage's own.
SECTIONS = {"embed": ("embed", "train")}


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


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
    """Files of the package that a file imports, at any depth; registries, `pipeline.params` and words left out."""

    def names() -> Iterator[str]:
        for node in ast.walk(_tree(path)):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module
                yield from (f"{node.module}.{alias.name}" for alias in node.names)

    found = {file for name in names() if (file := _file(name)) is not None}
    return frozenset(f for f in found if f != PARAMS and f not in WORDS and not _is_registry(f))


@cache
def _is_registry(path: Path) -> bool:
    calls = (n for n in ast.walk(_tree(path)) if isinstance(n, ast.Call))
    return path.name == "__init__.py" and any(getattr(call.func, "id", "") == "Registry" for call in calls)


@cache
def _beside(path: Path) -> frozenset[Path]:
    """Files beside a module that it names in a string of its own: the report's templates, say."""
    strings = (n.value for n in ast.walk(_tree(path)) if isinstance(n, ast.Constant) and isinstance(n.value, str))
    files = (path.parent / s for s in strings if re.fullmatch(r"\w[\w.-]*\.\w+", s))
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
    modules = [f"pipeline.{stage}", *(f"pipeline.params.{section}" for section in SECTIONS.get(stage, (stage,)))]
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
