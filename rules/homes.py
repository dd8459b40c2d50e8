"""The home of a run's study, with its outputs and the one params file that both engines read.

The study of `params.yaml` is at home in the project's root. Any other study has `runs/NAME/`, with a merged copy of its
params files and a dvc.yaml of its own: `dvc repro runs/NAME/dvc.yaml` and `snakemake all --configfile FILE` run the
same study.
"""

from __future__ import annotations

import argparse
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from pipeline.core.errors import SitterError
from pipeline.core.files import atomic_file
from pipeline.core.layout import RUNS, Layout
from pipeline.params import Study, check, read
from pipeline.params.study_name import DEFAULT

SOURCE, CONTENT = "# Made from: ", "# SHA-256 of that: "


def params_file(study: Study) -> Path:
    """Return the file that both engines read the study from."""
    return Layout.of(study).home / DEFAULT.name


def bring_home(files: Sequence[Path] = ()) -> Study:
    """Read and check a study, and copy its params to its home; without files, take the study of params.yaml."""
    files = files or [DEFAULT]
    values = read(*files)
    study = check(values, " + ".join(map(str, files)), files)
    if study.name:
        move_in(files, values, study)
    return study


def homes() -> list[Path]:
    """Return the params file of every study that has a home in this project; the project's own comes first."""
    return [DEFAULT, *sorted(RUNS.glob(f"*/{DEFAULT.name}"))]


def asked_for(arguments: Sequence[str]) -> list[Path]:
    """Return the params files that a command line of Snakemake or of `rules/sync.py` names by --configfile.

    For DVC's arguments, a folder or a file below runs/NAME/ means the study with this home.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--configfile", "--configfiles", nargs="+", type=Path, default=[], dest="files")
    known, others = parser.parse_known_args(arguments)
    for word in others:
        path = Path(os.path.relpath(word.partition(":")[0]))
        if path.is_relative_to(RUNS) and len(path.parts) > 1:
            return [RUNS / path.parts[1] / DEFAULT.name]
    return list(known.files)


def move_in(files: Sequence[Path], values: Any, study: Study) -> Path:
    """Write the params files of a study, in one, to the study's home; return the file that both engines read.

    Raises:
        SitterError: another study has this home, and its files exist.
    """
    target, files = params_file(study), [Path(os.path.relpath(file)) for file in files]
    if files == [target]:
        return target
    others = [path for path in made_from(target) if path.exists()]  # otherwise, that study was moved or deleted
    if others and made_from(target) != files:
        named = " + ".join(map(str, files))
        raise SitterError(
            f"{named}: name is {study.name!r}, but the study of {' + '.join(map(str, others))} has the same name, "
            f"and its results lie in {target.parent}/. Give this study another name: write `name: {study.name}-2` into "
            "the last of its files."
        )
    text = _written(files, values, study)
    if not target.exists() or target.read_text(encoding="utf-8") != text:
        with atomic_file(target) as part:
            part.write_text(text, encoding="utf-8")
    return target


def follow_files(target: Path) -> None:
    """Update the params file in a study's home if the params files that it is made from have changed.

    Until then, a value stays that was changed in the copy, for example by `dvc exp run --set-param`.
    """
    files = made_from(target)
    if files and all(file.exists() for file in files) and _content(files) not in target.read_text(encoding="utf-8"):
        bring_home(files)


def made_from(target: Path) -> list[Path]:
    """Return the params files that a file in a study's home is made from."""
    if not target.exists():
        return []
    lines = target.read_text(encoding="utf-8").splitlines()
    return [Path(line.removeprefix(SOURCE)) for line in lines if line.startswith(SOURCE)]


def _written(files: Sequence[Path], values: Any, study: Study) -> str:
    text = yaml.safe_dump({**values, "name": study.name}, sort_keys=False, allow_unicode=True, width=110)
    told = "# Written by each run: change the params files instead, or values here for an experiment of DVC."
    return "\n".join([told, *(f"{SOURCE}{file}" for file in files), _content(files), text])


def _content(files: Sequence[Path]) -> str:
    digest = hashlib.sha256(b"\0".join(Path(file).read_bytes() for file in files)).hexdigest()
    return f"{CONTENT}{digest}"
