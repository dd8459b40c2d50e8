"""Checks params files of `--configfile` before Snakemake opens them: for some mistakes it shows only a traceback."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from pipeline.core.errors import SitterError
from pipeline.params.reading import read_yaml


def unreadable(arguments: Sequence[str]) -> str | None:
    """Return what is wrong with a params file in a command line of Snakemake; None if nothing is wrong.

    The file may be absent, not in UTF-8, not YAML, or have a repeated key; the message names file and line.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--configfile", "--configfiles", nargs="+", type=Path, default=[], dest="files")
    for file in parser.parse_known_args(arguments)[0].files:
        try:
            read_yaml(file)
        except SitterError as error:
            return str(error)
    return None
