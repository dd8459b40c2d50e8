"""The package's metadata: the command, and dependencies in step with the code and with the lock."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).parents[1]
METADATA = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
REQUIREMENTS = {canonicalize_name(r.name): r for r in map(Requirement, METADATA["dependencies"])}
LOCKED = {
    canonicalize_name(line.partition("==")[0].partition("[")[0].strip()): line.partition("==")[2]
    .partition(";")[0]
    .strip()
    for line in (PROJECT / "envs/requirements.lock").read_text().splitlines()
    if "==" in line
}
# Those of Snakemake, which it finds by their names.
PLUGINS = ["snakemake_executor_plugin_sitter_slurm", "snakemake_logger_plugin_sitter"]
# Installed from the lock alone: see pyproject.toml.
ONLY_LOCKED = {"retinaface-pytorch"}


def test_every_requirement_is_locked_in_a_version_that_it_allows() -> None:
    for name, requirement in REQUIREMENTS.items():
        assert name in LOCKED, f"{name} is not in envs/requirements.lock"
        assert requirement.specifier.contains(LOCKED[name]), f"{requirement}: the lock has {LOCKED[name]}"


@pytest.mark.parametrize("room", ["pipeline", "rules", *PLUGINS])
def test_every_import_is_required(room: str) -> None:
    brought_by = packages_distributions()
    ours = {"pipeline", "rules", *PLUGINS, *sys.stdlib_module_names}
    for path in (PROJECT / room).rglob("*.py"):
        imported: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module)
        for module in {name.partition(".")[0] for name in imported} - ours:
            packages = {canonicalize_name(name) for name in brought_by.get(module, [])}
            assert packages & (REQUIREMENTS.keys() | ONLY_LOCKED), f"{path}: {module} is in no requirement: {packages}"


def test_snakemake_finds_the_plugins_of_an_editable_installation(tmp_path: Path) -> None:
    project, site = tmp_path / "sitter", tmp_path / "site-packages"
    project.mkdir()
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(PROJECT / name, project)
    for name in ("pipeline", *PLUGINS):
        shutil.copytree(PROJECT / name, project / name)
    build = "import sys; from setuptools.build_meta import build_editable; build_editable(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, tmp_path], cwd=project, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    ZipFile(wheel).extractall(site)
    # The copy's path goes before whatever of this project is installed in the environment of the test.
    ask = "import site, sys; old = sys.path[:]; site.addsitedir(sys.argv[1]); sys.path = sys.path[len(old):] + old; "
    ask += "from snakemake.cli import get_argument_parser; get_argument_parser().print_help(); "
    ask += f"print(*(sys.modules[name].__file__ for name in {PLUGINS}))"
    done = subprocess.run(
        [sys.executable, "-c", ask, site], cwd=tmp_path, check=True, capture_output=True, text=True
    ).stdout
    assert "--sitter-slurm-init-seconds-before-status-checks" in done
    assert done.splitlines()[-1].split() == [str(project / name / "__init__.py") for name in PLUGINS]


def test_the_command_is_installed_and_answers(tmp_path: Path) -> None:
    command = Path(sys.executable).with_name("sitter")
    assert command.is_file(), "run make setup"
    told = subprocess.run([command, "--help"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert told.startswith("usage: sitter ")
    refused = subprocess.run([command, "check"], cwd=tmp_path, capture_output=True, text=True)
    assert refused.returncode == 1
    assert "params.yaml" in refused.stderr
