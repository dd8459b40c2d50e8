"""A small study in a folder of its own, which Snakemake and DVC really run, for the tests of the workflow."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from tests.suite.scheduling import once

PROJECT = Path(__file__).parents[2]
# The study has twelve sitters with four images each, two trained models and a frozen one, two fusions, two benchmarks.
STUDY = Path(__file__).parent / "study.yaml"
SITTERS, IMAGES = 12, 4
AWKWARD = "{detail} ${x} it's 100% [*].png"


@dataclass(frozen=True)
class Workplace:
    """A checkout of the project in which a study runs."""

    folder: Path

    def call(
        self, *command: str, check: bool = True, timeout: float = 1800, **env: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as a user would type it, in the activated environment."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment(**env),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
        )
        assert not check or done.returncode == 0, (
            f"{' '.join(command)} exited {done.returncode}:\n{done.stdout[-6000:]}"
        )
        return done

    def environment(self, **more: str) -> dict[str, str]:
        """Return the activated environment, without variables of the test run; compiled modules are kept."""
        left_out = ("SNAKEMAKE_", "DVC_", "SITTER_", "PYTEST_", "PYTHONDONTWRITEBYTECODE")
        clean = {k: v for k, v in os.environ.items() if not k.startswith(left_out)}
        # `make setup` would put the folder on Python's path, where Snakemake finds the project's plugins.
        here = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(self.folder)}
        return clean | here | {"PYTHONHASHSEED": "0"} | more

    def sync(self, way: str, *arguments: str, **kwargs: object) -> subprocess.CompletedProcess[str]:
        """Run `rules/sync.py` with a command: run, repro or pull."""
        return self.call("python", "rules/sync.py", way, *arguments, **kwargs)  # type: ignore[arg-type]

    def jobs_of(self, *command: str, **env: str) -> set[str]:
        """Run a command; return the jobs that it ran, by their logs, in the form `train/tuned`."""
        shutil.rmtree(self.folder / "logs", ignore_errors=True)
        self.call(*command, **env)
        logs = self.folder / "logs"
        return {str(log.relative_to(logs).with_suffix("")) for log in logs.rglob("*.log")}

    def snakemake_would_run(self) -> set[str]:
        """Return the jobs that `snakemake -n all` would run, in the form `train/tuned`."""
        out = self.call("snakemake", "-n", "all").stdout
        if "Nothing to be done" in out:
            return set()
        found = re.findall(r"(?:localrule|rule) (\w+):\n(?:    .*\n)*?    log: logs/(\S+)\.log", out)
        assert found, out
        return {name for _, name in found}

    def dvc_would_run(self) -> set[str]:
        """Return the jobs that `dvc status` finds changed, in the same form."""
        out = self.call("dvc", "status", "--json").stdout
        stages = yaml.safe_load(out[out.index("{") :])
        return {name.replace("@", "/").replace("--", "/") for name in stages}

    def change(self, path: str, value: object) -> None:
        """Set a value in params.yaml."""
        file = self.folder / "params.yaml"
        params = here = yaml.safe_load(file.read_text())
        *sections, field = path.split(".")
        for section in sections:
            here = here[section]
        here[field] = value
        file.write_text(yaml.safe_dump(params, sort_keys=False))

    def commit(self, message: str) -> None:
        """Commit everything that git does not ignore."""
        self.call("git", "add", "-A")
        self.call("git", "commit", "-q", "-m", message)

    def text(self, path: str) -> str:
        """Return the text of a file."""
        return (self.folder / path).read_text()

    def copy_to(self, folder: Path) -> Workplace:
        """Copy the workplace with its outputs, caches and the records of both engines; return the copy."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Workplace(folder)


def checkout(folder: Path) -> Workplace:
    """Copy the project's working tree to a git repository of its own, with the small study; return the workplace."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=PROJECT, capture_output=True, text=True
    )
    for name in listed.stdout.splitlines():
        path = PROJECT / name
        left_out = name.startswith(("tests/", "docs/", "benchmarks/", "dvc.lock"))
        if (path.is_file() or path.is_symlink()) and not left_out:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, folder / name, follow_symlinks=False)
    shutil.copy(STUDY, folder / "params.yaml")
    draw_portraits(folder / "portraits")
    # One sitter's folder is a link, and one name has characters with a meaning for shells and engines.
    (folder / "elsewhere").mkdir()
    (folder / "portraits/sitter-11").rename(folder / "elsewhere/sitter-11")
    (folder / "portraits/sitter-11").symlink_to("../elsewhere/sitter-11")
    (folder / "portraits/sitter-10/3.png").rename(folder / "portraits/sitter-10" / AWKWARD)
    place = Workplace(folder)
    place.call("git", "init", "-q", "-b", "main")
    place.call("git", "config", "user.email", "tests@sitter.invalid")
    place.call("git", "config", "user.name", "tests")
    place.call("python", "rules/dvc_yaml.py")
    place.commit("the project with a small study")
    return place


def draw_portraits(folder: Path) -> None:
    """Draw aligned faces that a network can learn: each sitter is a smooth pattern, each image adds noise to it."""
    random = np.random.default_rng(7)
    for sitter in range(SITTERS):
        pattern = random.normal(size=(7, 7, 3))
        for image in range(IMAGES):
            coarse = pattern + 0.5 * random.normal(size=(7, 7, 3))
            pixels = np.clip(128 + 50 * coarse, 0, 255).astype(np.uint8)
            path = folder / f"sitter-{sitter:02d}" / f"{image}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).resize((112, 112), Image.Resampling.BICUBIC).save(path)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """Return the small study, run once for all workers by `snakemake all`, and committed; tests work on copies."""

    def make(folder: Path) -> None:
        place = checkout(folder / "sitter")
        place.sync("run")
        place.commit("results")

    return Workplace(once(tmp_path_factory, "finished", make) / "sitter")


@pytest.fixture
def workplace(finished: Workplace, tmp_path: Path) -> Workplace:
    """Return a copy of the finished study, which a test may change."""
    return finished.copy_to(tmp_path / "sitter")
