"""The command line: one command per stage, one for each question a user asks.

Nothing heavy is imported until a command runs, so that `--help` answers at once.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from pipeline.core.errors import SitterError, nearest

# Sections of params.yaml that hold the names a stage takes, where it is not the section of its own name.
SECTIONS = {"train": ["models"], "embed": ["models", "split"], "explain": ["models"], "pack": ["split"]}
ROOMS = ("stages", "commands")
HELP = {"FOLDER": "where the files go"}
# command: (the entry of params.yaml that it takes, if any; what it does)
COMMANDS: dict[str, tuple[str | None, str]] = {
    "download": ("ENTRY", "Fetch a data set or weights into data/raw/ENTRY/, checksums first."),
    "render": ("DATASET", "Paint a data set into data/raw/DATASET/."),
    "align": ("DATASET", "Find, choose and crop the faces of a data set into data/faces/DATASET/."),
    "split": ("DATASET", "Deal the sitters of a data set to train, val and test in data/splits/DATASET/."),
    "train": ("MODEL", "Train a model into models/MODEL/ (a frozen one: record it); resumes by itself."),
    "embed": ("MODEL DATASET", "Turn the faces of a data set into vectors in embeddings/MODEL/DATASET/."),
    "fuse": ("FUSION", "Fit a fusion into models/FUSION/ and apply it into embeddings/FUSION/."),
    "overlap": ("ENTRY", "Find what a test set shares with training sets into data/overlap/ENTRY/."),
    "evaluate": (None, "Judge every model and fusion by every benchmark into results/."),
    "explain": ("MODEL", "Map what a model looks at in a few pairs into attributions/MODEL/."),
    "report": (None, "Make results/report.html and print the table."),
    "published": (None, "Print the results beside the figures that their papers published, with differences."),
    "pack": ("DATASET FOLDER", "Write a data set as InsightFace ships its own: FOLDER/train.rec, FOLDER/DATASET.bin."),
    "check": (None, "Check params.yaml and say what the study holds."),
    "merge": (None, "Print several params files as the one that they make, for params.yaml and DVC."),
    "schema": (None, "Write the JSON schema of params.yaml (what editors complete from)."),
}


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(prog="python -m pipeline", description="Sitter: who sat for this portrait?")
    commands = top.add_subparsers(dest="command", required=True, metavar="STAGE")
    for name, (entry, what) in COMMANDS.items():
        command = commands.add_parser(
            name, help=what, description=_told(name, what), formatter_class=argparse.RawDescriptionHelpFormatter
        )
        for word in (entry or "").split():
            command.add_argument(word.lower(), metavar=word, help=HELP.get(word, "a name from params.yaml"))
        command.add_argument(
            "--params", type=Path, action="append", metavar="FILE",
            help="the study (default: params.yaml); given again: a file that changes fields of the first",
        )  # fmt: skip
    return top


def _told(command: str, what: str) -> str:
    """What a command does, what its module says of itself, and which section of params.yaml it goes by.

    The docstring is read from the file: importing every stage would make `--help` slow.
    """
    file = next((f for room in ROOMS if (f := Path(__file__).parent / room / f"{command}.py").is_file()), None)
    if file is None:
        return what
    docstring = file.read_text(encoding="utf-8").split('"""')[1]
    sections = ", ".join(SECTIONS.get(command, [command]))
    return f"{what}\n\n{docstring.strip()}\n\nGoes by the section of params.yaml: {sections}."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, 1 for an error that is explained, 130 after Ctrl-C.

    SIGTERM ends it with 143 once unfinished files are removed, unless a stage handles it itself.
    """
    if threading.current_thread() is threading.main_thread():  # Python takes signals there only
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    options = vars(parser().parse_args(arguments))
    command, params = options.pop("command"), options.pop("params") or [Path("params.yaml")]
    try:
        _run(command, params, list(options.values()))
    except SitterError as error:
        print(f"sitter {command}: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"sitter {command}: {error.strerror or error}: {error.filename or ''}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"sitter {command}: interrupted; what was finished stays, run it again to go on", file=sys.stderr)
        return 130
    return 0


def _run(command: str, params: list[Path], names: list[str]) -> None:
    if command == "schema":
        from pipeline.params import write_schema

        write_schema()
    else:
        import importlib

        from pipeline.params import describe, load

        study = load(*params)
        if command == "check":
            from pipeline.plan.requirements import missing

            print("\n".join([describe(study), *missing(study).values()]))
        elif command == "merge":
            import yaml

            from pipeline.params import read

            print(yaml.safe_dump(read(*params), sort_keys=False, allow_unicode=True, width=110), end="")
        else:
            room = next(r for r in ROOMS if (Path(__file__).parent / r / f"{command}.py").is_file())
            for section, name in zip(SECTIONS.get(command, [command]), names, strict=False):
                known = getattr(study, section)
                if name not in known:
                    files = " + ".join(map(str, params))
                    raise SitterError(f"{files} has no {name!r} under {section}; {nearest(name, known)}")
            importlib.import_module(f"pipeline.{room}.{command}").run(study, *names)
