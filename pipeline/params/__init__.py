"""`params.yaml` as typed objects, checked before any work.

`load` reads and checks a study. Its sections stand in the order of the stages, under the stages' names; `models` holds
what `train` and `embed` share. The JSON schema beside this file is made by `python -m pipeline schema`.
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

# Names become folders, wildcards of rules and names of DVC stages, in which "--" parts a model from a data set.
Name = Annotated[str, Field(pattern=r"^[a-z0-9]+([_-][a-z0-9]+)*$", max_length=64)]
SCHEMA = Path(__file__).parent / "schema.json"


class Study(Strict):
    """A study: data sets, models, fusions, benchmarks."""

    renamed: ClassVar[dict[str, str]] = {"compare": "published"}

    name: Name | Literal[""] = ""
    """Names the study, whose outputs lie in runs/NAME/. Where it is absent, the name is that of the params file.
    params.yaml has no name, and its outputs lie in the project's root."""
    seed: Annotated[int, Field(ge=0, lt=2**32)]
    """Everything that is drawn at random follows from it."""
    allow: tuple[Use, ...] = USES
    """For which use the licences of all weights and data have to allow: without `non-commercial` and `unknown`, a model
    of such materials is refused."""
    nobody: Nobody = Nobody()
    """Which words name nobody."""
    download: dict[Name, Source]
    """Data sets and weights, and where each comes from."""
    render: dict[Name, Render] = {}
    """Data sets made by painting another."""
    align: dict[Name, Align]
    """How the faces of each data set are found."""
    split: dict[Name, Split]
    """Which sitters train, validate and test."""
    train: Training
    """What the training of all models shares."""
    models: dict[Name, Model]
    """The networks that are compared."""
    outside: dict[Name, Outside] = {}
    """Systems that others have run: by the file of what each made of the faces, vectors or scores."""
    embed: Embed
    """Of which data sets the models make vectors, and how."""
    fuse: dict[Name, Fusion] = {}
    """Fusions of models."""
    overlap: dict[Name, Overlap] = {}
    """What test sets share with training sets."""
    evaluate: Evaluate
    """The benchmarks that judge every model."""
    explain: Explain | None = None
    """What models look at."""
    identify: dict[Name, Identify] = {}
    """Who sat for unidentified portraits."""
    report: Report = Report()
    """What the report shows."""
    published: Published = Published()
    """How the study's names are called in the papers that it is compared with."""
    tracking: Tracking = Tracking()
    """Where trainings can be watched."""
    resources: Resources = Resources()
    """What the jobs ask of a cluster."""

    _sweeps: dict[str, Swept] = PrivateAttr(default_factory=dict)

    def swept(self, model: str) -> Swept | None:
        """The sweep that a model, or a fusion of models of a sweep over seeds, belongs to; None without one."""
        return self._sweeps.get(model)

    @property
    def systems(self) -> dict[str, System]:
        """Models, outside systems and fusions, with what each can do; see `pipeline.params.systems`."""
        return systems(self)

    @property
    def judged(self) -> list[str]:
        """Models, outside systems and fusions that stand in the tables; see `effective.judged`."""
        return effective.judged(self)

    @property
    def compared(self) -> list[tuple[str, str]]:
        """Pairs of different data sets that a benchmark compares, neither of them painted by `render`."""
        return self.evaluate.compared(self.render.keys())

    @property
    def learned_from(self) -> list[str]:
        """Data sets that models are trained on; see `effective.learned_from`."""
        return effective.learned_from(self)

    def training(self, model: str) -> Training:
        """How one model is trained: `train`, with the fields that the model sets itself."""
        return effective.changed(self.train, self.models[model].training)

    def seed_of(self, name: str) -> int:
        """Seed of what is drawn for a model or a fusion; see `effective.seed`."""
        return effective.seed(self, name)

    def photographs_of(self, dataset: str) -> str:
        """The data set that holds the origins of a data set's images; see `effective.photographs_of`."""
        return effective.photographs_of(self, dataset)

    def excluding(self, dataset: str) -> list[str]:
        """Entries of `overlap` that leave out test images of a data set; see `effective.excluding`."""
        return effective.excluding(self, dataset)


def load(*files: Path, root: Path = Path()) -> Study:
    """Read and check a study: params.yaml, or one file, or several of which each changes what the earlier ones say.

    The params.yaml in the folder `root` is the project's own, so that the study has no name.

    Raises:
        SitterError: one line for each thing wrong: the field, what was found, what is allowed, the nearest name.
    """
    files = files or (DEFAULT,)
    return check(read(*files), " + ".join(map(str, files)), files, root)


def read(*files: Path) -> Any:
    """The content of params files: of what several say of one field, the last.

    Raises:
        SitterError: a file does not exist, or cannot be read rightly; see `reading`.
    """
    found: Any = {}
    for path in map(Path, files):
        found = _changed(found, read_yaml(path))
    return found


def _changed(base: Any, change: Any) -> Any:
    """Sections field by field; anything else, and what becomes of another kind, as a whole."""
    sections = isinstance(base, Mapping) and isinstance(change, Mapping)
    if not sections or ("kind" in base and change.get("kind", base["kind"]) != base["kind"]):
        return change
    return {**base, **{key: _changed(base.get(key), value) for key, value in change.items()}}


def check(raw: Any, name: str = str(DEFAULT), files: Sequence[Path | str] = (), root: Path = Path()) -> Study:
    """Check the content of a params file, whose `name` messages give, as it was read from `files`; see `load`."""
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
    """A sentence for each thing wrong, each once: a sweep has it in all its models."""

    def entry_of(model: str) -> str:
        return sweeps[model].entry if model in sweeps else model

    paths, errors = [Path(file) for file in files], error.errors()
    absent = [e for e in errors if e["type"] == "missing" and len(e["loc"]) == 1]
    if len(files) == 1 and isinstance(raw, Mapping) and len(absent) > len(_NEEDED) / 2:
        held = ", ".join(key for key in raw if key != "name") or "nothing"
        lacks = ", ".join(str(e["loc"][0]) for e in absent)
        part = (
            f"{name} is no whole study: it holds {held}, and lacks {lacks}. If it changes another params file, name "
            f"that one first: --params {DEFAULT} --params {files[0]} (of Snakemake: --configfile {DEFAULT} {files[0]})."
        )
        wrong = (sentence(name, raw, e, paths, entry_of) for e in errors if e["type"] != "missing")
        return list(dict.fromkeys([part, *wrong]))
    return list(dict.fromkeys(sentence(name, raw, e, paths, entry_of) for e in errors))


# Sections that every study has.
_NEEDED = [name for name, field in Study.model_fields.items() if field.is_required()]


def describe(study: Study) -> str:
    """A study in a few lines."""
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
    """JSON schema of a params file."""
    from pipeline.params.described import describe

    describe(Study)
    return Study.model_json_schema()


def write_schema(path: Path = SCHEMA) -> None:
    """Write the JSON schema that editors complete from and a test keeps in step."""
    from pipeline.core.files import write_json

    write_json(path, schema())
