"""Fingerprints of the package's code: what a stage's results depend on beside its parameters and inputs.

A stage depends on every module of `pipeline` that it imports, transitively. Lists of kinds are left out: a job depends
on the kinds that its entry in `params.yaml` names, not on those it does not use, so that adding a loss, or changing the
code or the options of a loss that a model does not use, retrains nothing. Options stand in a module a kind for this:
DVC watches whole files, and both engines have to agree.
"""

from __future__ import annotations

import ast
import hashlib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pipeline.params.adaptations import ADAPTATIONS
from pipeline.params.backbones import BACKBONES
from pipeline.params.detectors import DETECTORS
from pipeline.params.fusions import FUSIONS
from pipeline.params.losses import LOSSES
from pipeline.params.metrics import METRICS
from pipeline.params.sources import SOURCES

PROJECT = Path(__file__).parents[2]
KINDS = {
    "sources": SOURCES,
    "detectors": DETECTORS,
    "backbones": BACKBONES,
    "adaptations": ADAPTATIONS,
    "losses": LOSSES,
    "fusions": FUSIONS,
    "metrics": METRICS,
}
PARAMS = PROJECT / "pipeline" / "params"
# Modules that list what others hold.
LISTS = {PARAMS / "__init__.py", PARAMS / "losses" / "single.py", *(PARAMS / sort / "__init__.py" for sort in KINDS)}
# What says things and decides nothing: no result depends on it.
WORDS = {
    PROJECT / "pipeline" / name
    for name in ("__init__.py", "core/errors.py", "core/progress.py", "core/file_types.py", "core/registry.py")
}
FILE_NAME = re.compile(r"\w[\w.-]*\.\w+")
# Sections of params.yaml whose defaults a stage uses, where they are not just the stage's own.
SECTIONS = {"embed": ("embed", "train")}


@dataclass(frozen=True)
class _Source:
    """What counts of a source file."""

    imported: frozenset[str]
    """Modules, and names in modules, that it imports."""
    named: frozenset[str]
    """Strings in it that may name a file beside it: the report's templates, say."""


@cache
def _read(path: Path) -> _Source:
    """Read a file in one pass: every start of Snakemake reads most of the package so."""
    imported: set[str] = set()
    named: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            imported.update([node.module, *(f"{node.module}.{alias.name}" for alias in node.names)])
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and FILE_NAME.fullmatch(node.value):
            named.add(node.value)
    return _Source(frozenset(imported), frozenset(named))


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
    """Files of the package that a file imports; lists of kinds, `pipeline.params` and words left out."""
    found = {file for name in _read(path).imported if (file := _file(name)) is not None}
    return frozenset(found - LISTS - WORDS)


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

    `kinds` are written as `losses/triplet`: the sort in `KINDS`, and the name in `params.yaml`. Both the options of a
    kind and what is behind it count.
    """
    modules = [f"pipeline.stages.{stage}", *(f"pipeline.params.{section}" for section in SECTIONS.get(stage, (stage,)))]
    for kind in kinds:
        sort, _, name = kind.partition("/")
        options = KINDS[sort][name]
        modules += [options.__module__, *([module] if (module := options.module()) else [])]
    return [path.relative_to(PROJECT) for path in sources(*modules)]


def code(stage: str, *kinds: str) -> str:
    """Fingerprint of a job's code: hash of the names and contents of all files that it depends on."""
    digest = hashlib.sha256()
    for path in job_sources(stage, kinds):
        digest.update(path.as_posix().encode() + b"\0" + hashlib.sha256((PROJECT / path).read_bytes()).digest())
    return digest.hexdigest()[:32]
