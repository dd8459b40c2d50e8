"""The command line: one command per stage, one for each question a user asks.

Nothing heavy is imported until a command runs, so that `--help` answers at once.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from pipeline.core.errors import SitterError, nearest
from pipeline.plan.stages import STAGES, Stage

logger = logging.getLogger(__name__)


class Command(NamedTuple):
    """A command that is no stage."""

    what: str
    takes: tuple[tuple[str, str], ...] = ()
    """What it takes: the word in the help, and the section of params.yaml that has the entries ("": any word)."""
    given: Literal["study", "files", "nothing"] = "study"
    """What its function `run` is given first: the study, the params files, or nothing."""


COMMANDS = {
    "published": Command("Print the results beside the figures that their papers published, with differences."),
    "pack": Command(
        "Write a data set as InsightFace ships its own: FOLDER/train.rec, FOLDER/DATASET.bin.",
        (("DATASET", "split"), ("FOLDER", "")),
    ),
    "scores": Command(
        "Write the scores of a model on a benchmark for other programs: bob's columns, CSV or Arrow.",
        (("BENCHMARK", ""), ("MODEL", ""), ("FILE", "")),
    ),
    "check": Command("Check params.yaml and say what the study holds."),
    "merge": Command("Print several params files as the one that they make, for params.yaml and DVC.", given="files"),
    "schema": Command("Write the JSON schema of params.yaml (what editors complete from).", given="nothing"),
    "options": Command("Write docs/options.md, the reference of all that params.yaml may say.", given="nothing"),
}
WORDS = {
    "FOLDER": "a folder",
    "FILE": "a file, whose ending says the format",
    "BENCHMARK": "a name under evaluate.benchmarks in params.yaml",
    "MODEL": "a name under models or fuse in params.yaml",
}
"""What stands in the help for a word that is no name under a section."""
EVERY: Mapping[str, Stage | Command] = {**STAGES, **COMMANDS}


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(prog="sitter", description="Sitter: who sat for this portrait?")
    commands = top.add_subparsers(dest="command", required=True, metavar="STAGE")
    for name, row in EVERY.items():
        command = commands.add_parser(
            name, help=row.what, description=_told(name, row), formatter_class=argparse.RawDescriptionHelpFormatter
        )
        for word, section in row.takes:
            command.add_argument(
                word.lower(), metavar=word, help=f"a name under {section} in params.yaml" if section else WORDS[word]
            )
        command.add_argument(
            "--params", type=Path, action="append", metavar="FILE",
            help="the study (default: params.yaml); given again: a file that changes fields of the first",
        )  # fmt: skip
        command.add_argument("--quiet", action="store_true", help="write warnings, errors and results only")
    return top


def _told(name: str, row: Stage | Command) -> str:
    """Return what a command does, what its module says of itself, and which section of params.yaml it goes by.

    The docstring is read from the file: importing every stage would make `--help` slow.
    """
    docstring = (Path(__file__).parent / _room(name) / f"{name}.py").read_text(encoding="utf-8").split('"""')[1]
    sections = ", ".join(dict.fromkeys(section for _, section in row.takes if section)) or (
        name if name in STAGES else ""
    )
    by = f"\n\nGoes by the section of params.yaml: {sections}." if sections else ""
    return f"{row.what}\n\n{docstring.strip()}{by}"


def _room(name: str) -> str:
    return "stages" if name in STAGES else "commands"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, 1 for an error that is explained, 130 after Ctrl-C.

    SIGTERM ends it with 143 once unfinished files are removed, unless a stage handles it itself.
    """
    if threading.current_thread() is threading.main_thread():  # Python takes signals there only
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    options = vars(parser().parse_args(arguments))
    command, params = options.pop("command"), options.pop("params") or [Path("params.yaml")]
    configure_logging(logging.WARNING if options.pop("quiet") else logging.INFO)
    try:
        _run(command, params, list(options.values()))
    except SitterError as error:
        logger.error(f"sitter {command}: {error}")
        return 1
    except OSError as error:
        logger.error(f"sitter {command}: {error.strerror or error}: {error.filename or ''}")
        return 1
    except KeyboardInterrupt:
        logger.error(f"sitter {command}: interrupted; what was finished stays, run it again to go on")
        return 130
    return 0


class OnStderr(logging.Handler):
    """Writes messages to stderr, whichever that is at the time. Only a warning says what it is."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a message at once."""
        try:
            kind = "warning: " if record.levelno == logging.WARNING else ""
            print(f"{kind}{self.format(record)}", file=sys.stderr, flush=True)
        except Exception:
            self.handleError(record)


def configure_logging(level: int = logging.INFO) -> None:
    """Have the messages of the package and of the workflow's scripts written to stderr, from a level on.

    Results go to stdout, by `print`.
    """
    for name in ("pipeline", "rules"):
        ours = logging.getLogger(name)
        ours.setLevel(level)
        if not any(isinstance(handler, OnStderr) for handler in ours.handlers):
            ours.addHandler(OnStderr())


def _run(command: str, params: list[Path], names: list[str]) -> None:
    """Run a command. Its module is imported once the study has been checked, since a module may be heavy."""
    row = EVERY[command]
    given = row.given if isinstance(row, Command) else "study"
    arguments: list[object] = [*params] if given == "files" else []
    if given == "study":
        from pipeline.params import load

        study = load(*params)
        for (_, section), name in zip(row.takes, names, strict=True):
            if section and name not in (known := getattr(study, section)):
                files = " + ".join(map(str, params))
                raise SitterError(f"{files} has no {name!r} under {section}; {nearest(name, known)}")
        arguments = [study, *names]
    importlib.import_module(f"pipeline.{_room(command)}.{command}").run(*arguments)
