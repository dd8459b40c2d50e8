"""Fingerprints of the package's code: what a stage's results depend on beside its parameters and inputs.

A fingerprint is the hash of every module of `pipeline` that a module imports, transitively. Registries are left out:
a stage depends on the kinds that its entry in `params.yaml` names, not on those it does not use, so that adding a
loss, or a line of a loss that a model does not use, retrains nothing.

The stage `code` writes each fingerprint to a file below `build/code/`, the dependency that `dvc.yaml` names; the rules
of Snakemake put the same fingerprints under `params:`.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from pipeline.artifacts import output_folder
from pipeline.kinds import Registry

PROJECT = Path(__file__).parent.parent
PARAMS = PROJECT / "pipeline" / "params" / "__init__.py"
FOLDER = Path("build/code")
STAGES = ("download", "render", "align", "split", "train", "embed", "fuse", "evaluate", "report")
# Registries by the folder that their fingerprints stand in below build/code/.
REGISTRIES = {
    "sources": "pipeline.sources:SOURCES",
    "detectors": "pipeline.faces.detectors:DETECTORS",
    "backbones": "pipeline.models.backbones:BACKBONES",
    "adaptations": "pipeline.models.adaptations:ADAPTATIONS",
    "losses": "pipeline.losses:LOSSES",
    "fusions": "pipeline.fusions:FUSIONS",
    "metrics": "pipeline.metrics:METRICS",
}
# The section of params.yaml whose defaults a stage depends on, where it is not the stage's own name.
SECTIONS = {"embed": ("embed", "train")}
# Where any kind of a registry may be used, so that all of them count.
USES_ALL = {"align": ("detectors",), "evaluate": ("metrics",)}


def registry(folder: str) -> Registry:
    """The registry whose fingerprints stand in this folder."""
    module, _, name = REGISTRIES[folder].partition(":")
    found: Registry = getattr(importlib.import_module(module), name)
    return found


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _file(module: str) -> Path | None:
    """Source file of a module of this project; None for anything else."""
    base = PROJECT / module.replace(".", "/")
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if module.partition(".")[0] == "pipeline" and path.is_file():
            return path
    return None


def _imports(tree: ast.Module) -> Iterator[str]:
    """Modules that a source file names in its imports, at whatever depth."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _is_registry(tree: ast.Module) -> bool:
    return any(isinstance(n, ast.Call) and getattr(n.func, "id", "") == "Registry" for n in ast.walk(tree))


def sources(module: str) -> list[Path]:
    """Files of the package that a module imports, transitively, itself included.

    Left out are the registries, and `pipeline.params` itself, which imports every section: a stage depends on its own.
    """
    found: set[Path] = set()
    queue = [module]
    while queue:
        path = _file(queue.pop())
        if path is None or path in found or path == PARAMS or _is_registry(_tree(path)):
            continue
        found.add(path)
        queue.extend(_imports(_tree(path)))
    return sorted(found)


def fingerprint(*modules: str) -> str:
    """Hexadecimal hash of the names and contents of all files that these modules depend on."""
    digest = hashlib.sha256()
    for path in sorted({p for m in modules for p in sources(m)}):
        digest.update(path.relative_to(PROJECT).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:32]


def stage_modules(stage: str) -> list[str]:
    """Modules whose code a stage always uses: its own, its section's defaults, and kinds that any entry may use."""
    sections = [f"pipeline.params.{section}" for section in SECTIONS.get(stage, (stage,))]
    kinds = [(registry(f), kind) for f in USES_ALL.get(stage, ()) for kind in registry(f).entries]
    return [f"pipeline.{stage}", *sections, *filter(None, (r.module(kind) for r, kind in kinds))]


def code(stage: str, *kinds: str) -> dict[str, str]:
    """Fingerprints of a stage and of the kinds that its entry names, by their files below `build/code/`.

    `kinds` are written `losses/triplet`.
    """
    found = {stage: fingerprint(*stage_modules(stage))}
    for kind in kinds:
        folder, _, name = kind.partition("/")
        module = registry(folder).module(name)
        found[kind] = fingerprint(module) if module else "none"
    return found


def all_code() -> dict[str, str]:
    """Every fingerprint that any study may need."""
    kinds = [f"{folder}/{kind}" for folder in REGISTRIES for kind in registry(folder).entries]
    return {k: v for stage in STAGES for k, v in code(stage).items()} | code("code", *kinds)


def run() -> None:
    """The stage `code`: write every fingerprint to its file below `build/code/`."""
    with output_folder(FOLDER) as folder:
        for name, value in all_code().items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(value + "\n")
