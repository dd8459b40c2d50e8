"""Check the params files of `--configfile` before Snakemake opens them: for some mistakes it has only a traceback."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from pipeline.core.errors import SitterError
from pipeline.params.reading import read_yaml


def unreadable(arguments: Sequence[str]) -> str | None:
    """Return what is wrong with a params file that a command line of Snakemake names; None: nothing.

    The file is absent, is not in UTF-8, is not YAML or has a key twice; the message names file and line.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--configfile", "--configfiles", nargs="+", type=Path, default=[], dest="files")
    for file in parser.parse_known_args(arguments)[0].files:
        try:
            read_yaml(file)
        except SitterError as error:
            return str(error)
    return None
