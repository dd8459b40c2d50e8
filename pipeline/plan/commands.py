"""The table of commands: what is asked outside of the workflow, beside the table of stages."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pipeline.plan.stages import STAGES, Stage


class Argument(NamedTuple):
    """An argument of a command, in argparse's terms."""

    name: str
    """`asked`, or `--model`."""
    settings: Mapping[str, Any]


def _argument(name: str, **settings: Any) -> Argument:
    return Argument(name, settings)


class Command(NamedTuple):
    """A command that is no stage."""

    what: str
    takes: tuple[tuple[str, str], ...] = ()
    """Its positional arguments: the word in the help, and the section of params.yaml with the entries ("": any
    word)."""
    given: Literal["study", "files", "nothing", "arguments"] = "study"
    """What its function `run` gets first: the study, the params files, or nothing. With `arguments` it gets the params
    files that were named, and then the arguments by their names."""
    arguments: tuple[Argument, ...] = ()


MODEL = _argument("--model", metavar="NAME", default="", help="a model or fusion of the study (default: the built-in)")
ALIGN = _argument(
    "--align",
    default="",
    metavar="DATASET",
    help="find the faces as this entry under align says (default: the study's first that detects faces)",
)
WEIGHTS = _argument(
    "--weights", type=Path, metavar="FOLDER",
    help="folder with the built-in model's weights: data/raw of a project that has downloaded dlib and retinaface",
)  # fmt: skip
JSON = _argument("--json", action="store_true", help="print the answer as JSON, one object per line")
HTML = _argument("--html", type=Path, metavar="FILE", help="write a page with the pictures")
ASKED = {
    "identify": Command(
        "Say who may have sat: for a question of params.yaml (as a stage), or for pictures of yours.",
        given="arguments",
        arguments=(
            _argument("asked", nargs="+", metavar="QUESTION|PICTURE", help="a name under identify, or picture files"),
            _argument("--gallery", default="", metavar="DATASET|FOLDER", help="portraits with known sitters"),
            MODEL,
            ALIGN,
            JSON,
            HTML,
            _argument("--one-face", action="store_true", help="answer only for the face that align would take"),
            _argument("--like", default="", metavar="DATASET", help="calibrate on this data set of similar portraits"),
            _argument("--prior", type=float, metavar="P", help="probability that the sitter is there (default: 0.5)"),
            _argument("--candidates", type=int, metavar="N", help="number of candidates to list (default: 5)"),
            WEIGHTS,
        ),
    ),
}
"""Stages that also answer for pictures, if their argument is no entry of the study."""
COMMANDS = {
    "compare": Command(
        "Compare the faces of two pictures: score, likelihood ratio, words.",
        given="arguments",
        arguments=(
            _argument("first", type=Path, metavar="A", help="a picture"),
            _argument("second", type=Path, metavar="B", help="another picture"),
            MODEL,
            ALIGN,
            JSON,
            HTML,
            _argument("--like", default="", metavar="DATASET", help="calibrate on the pairs of this data set"),
            WEIGHTS,
        ),
    ),
    "published": Command("Print the results beside the figures that papers published, with the differences."),
    "paper": Command(
        "Write tables (LaTeX, Markdown, CSV) and figures (SVG, PDF) for a paper into a folder.", (("FOLDER", ""),)
    ),
    "pack": Command(
        "Write a data set in the format of InsightFace: FOLDER/train.rec, FOLDER/DATASET.bin.",
        (("DATASET", "split"), ("FOLDER", "")),
    ),
    "serve": Command(
        "Review portraits of unknown sitters in a browser: a page for this machine only.",
        given="arguments",
        arguments=(
            _argument("--port", type=int, default=0, metavar="N", help="listen on this port (default: any free port)"),
        ),
    ),
    "show": Command(
        "Show tables of the study, its models, params and faces, or of the catalogue of public weights.",
        given="arguments",
        arguments=(
            _argument("what", choices=("study", "models", "params", "faces", "catalogue"), help="what to show"),
            _argument(
                "name",
                nargs="?",
                default="",
                metavar="NAME",
                help="a model, SECTION[.ENTRY], a data set, weights",
            ),
        ),
    ),
    "export": Command(
        "Export a model as an ONNX graph or as a folder of weights, with a model card.",
        given="arguments",
        arguments=(
            _argument("model", metavar="MODEL", help="a model or linear fusion of the study"),
            _argument("--to", choices=("onnx", "folder"), required=True, help="the format"),
            _argument("--out", type=Path, metavar="FOLDER", help="folder to write to (default: exports/MODEL)"),
        ),
    ),
    "scores": Command(
        "Write the scores of a model on a benchmark for other programs: bob's columns, CSV or Arrow.",
        (("BENCHMARK", ""), ("MODEL", ""), ("FILE", "")),
    ),
    "check": Command("Check params.yaml and say what the study contains."),
    "merge": Command("Print several params files merged into one, for params.yaml and DVC.", given="files"),
    "schema": Command("Write the JSON schema of params.yaml, which editors use for completion.", given="nothing"),
    "options": Command("Write docs/options.md, the reference of all options of params.yaml.", given="nothing"),
}
WORDS = {
    "FOLDER": "a folder",
    "FILE": "a file; its ending says the format",
    "BENCHMARK": "a name under evaluate.benchmarks in params.yaml",
    "MODEL": "a name under models, outside or fuse in params.yaml",
}
"""Help texts of the arguments that do not name an entry of a section."""
EVERY: Mapping[str, Stage | Command] = {**STAGES, **COMMANDS}
