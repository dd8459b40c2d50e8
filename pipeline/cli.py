"""The command line: a command for each stage, and a command for each question that a user asks.

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
from typing import TYPE_CHECKING, Any

from pipeline.core.errors import SitterError, nearest
from pipeline.core.log_format import configure_logging
from pipeline.plan.commands import ASKED, EVERY, WORDS, Command
from pipeline.plan.stages import STAGES, Stage

if TYPE_CHECKING:
    from pipeline.params import Study
    from pipeline.plan.twins import Twins

logger = logging.getLogger(__name__)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    top = argparse.ArgumentParser(prog="sitter", description="Sitter: who sat for this portrait?")
    commands = top.add_subparsers(dest="command", required=True, metavar="STAGE")
    for name, row in EVERY.items():
        asked = ASKED.get(name)
        command = commands.add_parser(
            name,
            help=asked.what if asked else row.what,
            description=_told(name, row),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        for word, section in () if asked else row.takes:
            command.add_argument(
                word.lower(), metavar=word, help=f"a name under {section} in params.yaml" if section else WORDS[word]
            )
        takes = asked or row
        for argument in takes.arguments if isinstance(takes, Command) else ():
            command.add_argument(argument.name, **argument.settings)
        command.add_argument(
            "--params", type=Path, action="append", metavar="FILE",
            help="the study (default: params.yaml); a further --params names a file that changes fields of it",
        )  # fmt: skip
        command.add_argument("--quiet", action="store_true", help="print only warnings, errors and results")
    return top


def _told(name: str, row: Stage | Command) -> str:
    """Return the description of a command: what it does, its module's docstring, and its sections of params.yaml.

    The docstring is read from the file, because importing every stage would make `--help` slow.
    """
    rooms = [_room(name), *(["commands"] if name in ASKED else [])]
    files = [Path(__file__).parent / room / f"{name}.py" for room in rooms]
    docstring = "\n\n".join(file.read_text(encoding="utf-8").split('"""')[1].strip() for file in files)
    sections = ", ".join(dict.fromkeys(section for _, section in row.takes if section)) or (
        name if name in STAGES else ""
    )
    by = f"\n\nIts section of params.yaml: {sections}." if sections else ""
    return f"{row.what}\n\n{docstring.strip()}{by}"


def _room(name: str) -> str:
    return "stages" if name in STAGES else "commands"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status: 0, 1 for an error that is explained, 130 after Ctrl-C.

    SIGTERM ends the command with 143 once unfinished files are removed, unless a stage handles the signal itself.
    """
    if threading.current_thread() is threading.main_thread():  # Python takes signals there only
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    options = vars(parser().parse_args(arguments))
    command, named = options.pop("command"), options.pop("params") or []
    configure_logging(logging.WARNING if options.pop("quiet") else logging.INFO)
    try:
        _run(command, named, options)
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


def _run(command: str, named: list[Path], options: Mapping[str, Any]) -> None:
    """Run a command. Its module is imported after the study has been checked, because a module may be slow to import.

    Args:
        command: name of the command.
        named: the params files that were named.
        options: all other arguments, by name.
    """
    row, params, names = EVERY[command], named or [Path("params.yaml")], list(options.values())
    room = _room(command)
    if command in ASKED:
        if not _is_entry(command, params, options):
            row, room = ASKED[command], "commands"
        else:
            names = list(options["asked"])
    given = row.given if isinstance(row, Command) else "study"
    run = f"pipeline.{room}.{command}"
    if given == "arguments":
        importlib.import_module(run).run(named, **options)
        return
    arguments: list[object] = [*params] if given == "files" else []
    if given == "study":
        from pipeline.params import load

        study = load(*params)
        for (_, section), name in zip(row.takes, names, strict=True):
            if section and name not in (known := getattr(study, section)):
                files = " + ".join(map(str, params))
                raise SitterError(f"{files} has no {name!r} under {section}; {nearest(name, known)}")
        arguments = [study, *names]
        twins = _twins(study, command, names, params) if room == "stages" else None
        if twins is not None:
            if not twins.take():
                importlib.import_module(run).run(*arguments)
                twins.note()
            return
    importlib.import_module(run).run(*arguments)


def _twins(study: Study, stage: str, names: Sequence[str], params: Sequence[Path]) -> Twins | None:
    """Return the job of a command and its twins in other studies.

    Return None if the command is no job of the study, or if inputs of the job are missing.
    """
    from pipeline.core.layout import Layout
    from pipeline.params import read
    from pipeline.plan.stages import jobs
    from pipeline.plan.twins import Twins

    for job in jobs(study):
        if (job.stage, job.names) == (stage, tuple(names)) and job.has_inputs():
            return Twins.of(job, read(*params), Layout.of(study))
    return None


def _is_entry(stage: str, params: list[Path], options: Mapping[str, Any]) -> bool:
    """Whether the arguments of a stage name an entry of the study, and not pictures.

    Raises:
        SitterError: the word names both an entry and a file, or neither.
    """
    words = list(options["asked"])
    alone = len(words) == 1 and not any(value for name, value in options.items() if name != "asked")
    there = Path(words[0]).exists()
    if not alone or (there and not params[0].is_file()):
        return False
    if not there and params == [Path("params.yaml")] and not params[0].is_file():
        raise SitterError(
            f"{words[0]!r} is no picture here, and there is no params.yaml that could have an entry of this name: name "
            "a picture, or change to the folder of the study."
        )
    from pipeline.params import load

    known = getattr(load(*params), stage)
    if words[0] in known and there:
        raise SitterError(
            f"{words[0]!r} is a name under {stage} in params.yaml and a file here: write ./{words[0]} for the file, or "
            "rename one of them."
        )
    if words[0] not in known and not there:
        raise SitterError(
            f"{words[0]!r} is neither a name under {stage} in {' + '.join(map(str, params))} nor a picture; "
            f"{nearest(words[0], known)}"
        )
    return not there
