"""`params.yaml` as typed objects, checked before any work.

`load` reads and checks a study. Its sections stand in the order of the stages, under the stages' names; `models` holds
what `train` and `embed` share. `python -m pipeline schema` writes the JSON schema beside this file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PrivateAttr, ValidationError

from pipeline.core.errors import SitterError
from pipeline.core.registry import Strict
from pipeline.params import effective
from pipeline.params.align import Align
from pipeline.params.download import Source
from pipeline.params.embed import Embed
from pipeline.params.evaluate import Evaluate
from pipeline.params.explain import Explain
from pipeline.params.fuse import Fusion
from pipeline.params.identify import Identify
from pipeline.params.licences import USES, Use
from pipeline.params.messages import sentence
from pipeline.params.nobody import Nobody
from pipeline.params.outside import Outside
from pipeline.params.overlap import Overlap
from pipeline.params.published import Published
from pipeline.params.reading import read_yaml
from pipeline.params.references import wrong_references
from pipeline.params.render import Render
from pipeline.params.report import Report
from pipeline.params.resources import Resources
from pipeline.params.split import Split
from pipeline.params.study_name import DEFAULT, study_name
from pipeline.params.sweep import Swept, expanded
from pipeline.params.systems import System, systems
from pipeline.params.tracking import Tracking
from pipeline.params.train import Model, Training

# Names become folders, wildcards of rules and names of DVC stages, in which "--" separates a model from a data set.
Name = Annotated[str, Field(pattern=r"^[a-z0-9]+([_-][a-z0-9]+)*$", max_length=64)]
SCHEMA = Path(__file__).parent / "schema.json"


class Study(Strict):
    """A study: data sets, models, fusions, benchmarks."""

    renamed: ClassVar[dict[str, str]] = {"compare": "published"}

    name: Name | Literal[""] = ""
    """The study's name; its outputs lie in runs/NAME/. If it is absent, the study is named after the params file.
    The study of params.yaml has no name, and its outputs lie in the project's root."""
    seed: Annotated[int, Field(ge=0, lt=2**32)]
    """Seed of all random choices."""
    allow: tuple[Use, ...] = USES
    """The uses that the licences of all weights and data must allow: without `non-commercial` or `unknown` in this
    list, a model made from such material is refused."""
    nobody: Nobody = Nobody()
    """Words that name nobody."""
    download: dict[Name, Source]
    """Data sets and weights, and the source of each."""
    render: dict[Name, Render] = {}
    """Data sets made by painting another data set."""
    align: dict[Name, Align]
    """How to find the faces of each data set."""
    split: dict[Name, Split]
    """Which sitters train, validate and test."""
    train: Training
    """Training settings shared by all models."""
    models: dict[Name, Model]
    """The networks that are compared."""
    outside: dict[Name, Outside] = {}
    """Systems that others have run: by the file of what each made of the faces, vectors or scores."""
    embed: Embed
    """Data sets that models turn into vectors, and how."""
    fuse: dict[Name, Fusion] = {}
    """Fusions of models."""
    overlap: dict[Name, Overlap] = {}
    """Searches for sitters and pictures that test sets share with training sets."""
    evaluate: Evaluate
    """The benchmarks that evaluate every model."""
    explain: Explain | None = None
    """Attribution maps: the parts of faces that models rely on."""
    identify: dict[Name, Identify] = {}
    """Questions about who sat for unidentified portraits."""
    report: Report = Report()
    """Contents of the report."""
    published: Published = Published()
    """Names that the papers use for the study's models and benchmarks."""
    tracking: Tracking = Tracking()
    """Services that show training progress."""
    resources: Resources = Resources()
    """What the jobs request from a cluster."""

    _sweeps: dict[str, Swept] = PrivateAttr(default_factory=dict)

    def swept(self, model: str) -> Swept | None:
        """Return the sweep of a model, or of a fusion of models of a sweep over seeds; None without one."""
        return self._sweeps.get(model)

    @property
    def systems(self) -> dict[str, System]:
        """Models, outside systems and fusions, with what each can do; see `pipeline.params.systems`."""
        return systems(self)

    @property
    def judged(self) -> list[str]:
        """Return the models, outside systems and fusions in the tables; see `effective.judged`."""
        return effective.judged(self)

    @property
    def compared(self) -> list[tuple[str, str]]:
        """Return pairs of different data sets that a benchmark compares, neither of them painted by `render`."""
        return self.evaluate.compared(self.render.keys())

    @property
    def learned_from(self) -> list[str]:
        """Return the data sets that models are trained on; see `effective.learned_from`."""
        return effective.learned_from(self)

    def training(self, model: str) -> Training:
        """Return the training settings of one model: `train`, changed by the fields that the model sets itself."""
        return effective.changed(self.train, self.models[model].training)

    def seed_of(self, name: str) -> int:
        """Return the seed of a model or a fusion; see `effective.seed`."""
        return effective.seed(self, name)

    def photographs_of(self, dataset: str) -> str:
        """Return the data set that holds the origins of a data set's images; see `effective.photographs_of`."""
        return effective.photographs_of(self, dataset)

    def excluding(self, dataset: str) -> list[str]:
        """Return the entries of `overlap` that leave out test images of a data set; see `effective.excluding`."""
        return effective.excluding(self, dataset)


def load(*files: Path, root: Path = Path()) -> Study:
    """Read and check a study: params.yaml, or one file, or several files, where each changes what the earlier ones say.

    The params.yaml in the folder `root` is the project's own, so that the study has no name.

    Raises:
        SitterError: the study has faults; one line for each names the field, what was found, what is allowed, the
            nearest name.
    """
    files = files or (DEFAULT,)
    return check(read(*files), " + ".join(map(str, files)), files, root)


def read(*files: Path) -> Any:
    """Return the content of params files; if several set one field, the last one counts.

    Raises:
        SitterError: a file does not exist, or cannot be read unambiguously; see `reading`.
    """
    found: Any = {}
    for path in map(Path, files):
        found = _changed(found, read_yaml(path))
    return found


def _changed(base: Any, change: Any) -> Any:
    """Return `base` with changes: sections field by field; other values, and entries of another kind, as a whole."""
    sections = isinstance(base, Mapping) and isinstance(change, Mapping)
    if not sections or ("kind" in base and change.get("kind", base["kind"]) != base["kind"]):
        return change
    return {**base, **{key: _changed(base.get(key), value) for key, value in change.items()}}


def check(raw: Any, name: str = str(DEFAULT), files: Sequence[Path | str] = (), root: Path = Path()) -> Study:
    """Check the content of a params file as read from `files`; messages call it `name`; see `load`."""
    raw, sweeps = expanded(raw, name)
    if files and isinstance(raw, Mapping) and "name" not in raw:
        raw = {**raw, "name": study_name(files, root)}
    try:
        study = Study.model_validate(raw)
    except ValidationError as error:
        raise SitterError("\n".join(_sentences(name, raw, error, files, sweeps))) from None
    study._sweeps = sweeps
    problems = [f"{name}: {p}" for p in wrong_references(study)]
    if files and not study_name(files, root) and study.name:
        problems.append(
            f"{name}: name is {study.name!r}, but the study of params.yaml has no name: delete this line, or keep the "
            "study in a file of its own and name it by --configfile or --params."
        )
    if problems:
        raise SitterError("\n".join(problems))
    return study


def _sentences(
    name: str, raw: Any, error: ValidationError, files: Sequence[Path | str], sweeps: Mapping[str, Swept]
) -> list[str]:
    """Return a sentence for each fault, each once: all models of a sweep share its faults."""

    def entry_of(model: str) -> str:
        return sweeps[model].entry if model in sweeps else model

    paths, errors = [Path(file) for file in files], error.errors()
    absent = [e for e in errors if e["type"] == "missing" and len(e["loc"]) == 1]
    if len(files) == 1 and isinstance(raw, Mapping) and len(absent) > len(_NEEDED) / 2:
        held = ", ".join(key for key in raw if key != "name") or "nothing"
        lacks = ", ".join(str(e["loc"][0]) for e in absent)
        part = (
            f"{name} is no whole study: it holds {held}, and lacks {lacks}. If it changes another params file, name "
            f"that one first: --params {DEFAULT} --params {files[0]} (Snakemake: --configfile {DEFAULT} {files[0]})."
        )
        wrong = (sentence(name, raw, e, paths, entry_of) for e in errors if e["type"] != "missing")
        return list(dict.fromkeys([part, *wrong]))
    return list(dict.fromkeys(sentence(name, raw, e, paths, entry_of) for e in errors))


# Sections that every study has.
_NEEDED = [name for name, field in Study.model_fields.items() if field.is_required()]


def describe(study: Study) -> str:
    """Return a summary of a study in a few lines."""
    lines = [
        f"data sets: {', '.join(study.align)}",
        f"models:    {', '.join(study.models)}",
        f"fusions:   {', '.join(study.fuse) or '–'}",
        f"benchmarks: {', '.join(study.evaluate.benchmarks)}",
    ]
    if study.outside:
        lines.insert(2, f"outside systems: {', '.join(study.outside)}")
    return "\n".join(lines)


def schema() -> dict[str, Any]:
    """Return the JSON schema of a params file."""
    from pipeline.params.described import describe

    describe(Study)
    return Study.model_json_schema()


def write_schema(path: Path = SCHEMA) -> None:
    """Write the JSON schema that editors use for completion; a test keeps it up to date."""
    from pipeline.core.files import write_json

    write_json(path, schema())
