"""Fingerprints of the package's code: what a stage's results depend on in addition to its parameters and inputs.

A stage depends on every module of `pipeline` that it imports, transitively. Lists of kinds are left out: a job depends
only on the kinds that its entry in `params.yaml` names. So adding a loss, or changing the code or the options of a loss
that a model does not use, retrains nothing. For this reason, options have a module for each kind: DVC watches whole
files, and both engines have to agree.
"""

from __future__ import annotations

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
from pipeline.params.outside_systems import OUTSIDE
from pipeline.params.sources import SOURCES
from pipeline.plan.stages import STAGES

PROJECT = Path(__file__).parents[2]
KINDS = {
    "sources": SOURCES,
    "detectors": DETECTORS,
    "backbones": BACKBONES,
    "outside_systems": OUTSIDE,
    "adaptations": ADAPTATIONS,
    "losses": LOSSES,
    "fusions": FUSIONS,
    "metrics": METRICS,
}
PARAMS = PROJECT / "pipeline" / "params"
# Modules that list what other modules hold.
LISTS = {PARAMS / "__init__.py", PARAMS / "losses" / "single.py", *(PARAMS / sort / "__init__.py" for sort in KINDS)}
# Modules that decide, for every stage, which values of params.yaml count.
DECIDE = ("pipeline.params.effective", "pipeline.core.registry")
# Modules that only word messages: no result depends on them.
WORDS = {
    PROJECT / "pipeline" / name
    for name in (
        "__init__.py",
        "core/errors.py",
        "core/log_format.py",
        "core/progress.py",
        "core/file_types.py",
        "core/registry.py",
        "params/tracking.py",
        "training/tracking.py",
    )
}
# The parts of a source file that count: its imports, and strings that may name a file beside it.
FROM = re.compile(r"^[ \t]*from (pipeline[\w.]*) import (?:\(([^)]*)\)|([^\n#;]+))", re.MULTILINE)
IMPORT = re.compile(r"^[ \t]*import (pipeline[\w., ]*)", re.MULTILINE)
COMMENT = re.compile(r"#.*")
NAMED = re.compile(r"""["'](\w[\w.-]*\.\w+)["']""")


@dataclass(frozen=True)
class _Source:
    """The parts of a source file that count."""

    imported: frozenset[str]
    """Modules, and names in modules, that it imports."""
    named: frozenset[str]
    """Strings in it that may name a file beside it: for example the report's templates."""


@cache
def _read(path: Path) -> _Source:
    """Read a file by patterns: Snakemake reads most of the package at each start, and parsing is 15 times slower."""
    text = path.read_text(encoding="utf-8")
    imported: set[str] = set()
    for module, parenthesised, plain in FROM.findall(text):
        names = COMMENT.sub("", parenthesised or plain).split(",")
        imported.update([module, *(f"{module}.{name.split()[0]}" for name in names if name.strip())])
    for names in IMPORT.findall(text):
        imported.update(name.split()[0] for name in names.split(","))
    return _Source(frozenset(imported), frozenset(NAMED.findall(text)))


@cache
def _file(module: str) -> Path | None:
    """Return the source file of a module of this package; None for anything else."""
    base = PROJECT / module.replace(".", "/")
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if module.partition(".")[0] == "pipeline" and path.is_file():
            return path
    return None


@cache
def _imports(path: Path) -> frozenset[Path]:
    """Return the files of the package that a file imports, without lists of kinds, `pipeline.params` and messages."""
    found = {file for name in _read(path).imported if (file := _file(name)) is not None}
    return frozenset(found - LISTS - WORDS)


@cache
def _beside(path: Path) -> frozenset[Path]:
    """Return the files beside a module that its strings name, for example the report's templates."""
    files = (path.parent / name for name in _read(path).named)
    return frozenset(f for f in files if f.suffix != ".py" and f.is_file())


def sources(*modules: str) -> list[Path]:
    """Return the files of the package that these modules import or name, transitively, including their own."""
    found: set[Path] = set()
    queue = [path for module in modules if (path := _file(module)) is not None]
    while queue:
        path = queue.pop()
        if path not in found:
            found.add(path)
            queue.extend(_imports(path))
    return sorted(found | {file for path in found for file in _beside(path)})


def job_sources(stage: str, kinds: tuple[str, ...] = ()) -> list[Path]:
    """Return the files that a job depends on, relative to the project: of its stage, sections' defaults and kinds.

    `kinds` are written as `losses/triplet`: the sort in `KINDS` and the name in `params.yaml`. Both the options of a
    kind and its implementation count.
    """
    sections = (f"pipeline.params.{section}" for section in STAGES[stage].sections)
    return _with_kinds((f"pipeline.stages.{stage}", *sections, *DECIDE), kinds)


def _with_kinds(modules: tuple[str, ...], kinds: tuple[str, ...]) -> list[Path]:
    names = [*modules]
    for kind in kinds:
        sort, _, name = kind.partition("/")
        options = KINDS[sort][name]
        names += [options.__module__, *([module] if (module := options.module()) else [])]
    return [path.relative_to(PROJECT) for path in sources(*names)]


def code(stage: str, *kinds: str) -> str:
    """Return the fingerprint of a job's code."""
    return _digest(job_sources(stage, kinds))


def module_code(module: str, *kinds: str) -> str:
    """Return the fingerprint of a module and of some kinds."""
    return _digest(_with_kinds((module,), kinds))


def _digest(paths: list[Path]) -> str:
    """Return a hash of the names and contents of files."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.as_posix().encode() + b"\0" + hashlib.sha256((PROJECT / path).read_bytes()).digest())
    return digest.hexdigest()[:32]
