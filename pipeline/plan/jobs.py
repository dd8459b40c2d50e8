"""The jobs of each stage and their dependencies, with a function for each stage of `pipeline.plan.stages`.

Heavy modules are imported where they are used, since `sitter --help` reads the table.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pipeline.core.files import MANIFEST

if TYPE_CHECKING:
    from pydantic import BaseModel

    from pipeline.core.layout import Layout
    from pipeline.params import Study
    from pipeline.params.explain import Explain

T = TypeVar("T")


@dataclass(frozen=True)
class Job:
    """One run of a stage."""

    stage: str
    names: tuple[str, ...]
    """Entries of `params.yaml`, as on the command line: `python -m pipeline STAGE NAMES`."""
    inputs: tuple[Path, ...]
    """Folders of other jobs' outputs."""
    outputs: tuple[Path, ...]
    """Files and folders that the job makes; the first one holds (or is beside) the manifest."""
    parameters: tuple[str, ...]
    """Keys of `params.yaml` with values that the job depends on."""
    kinds: tuple[str, ...] = ()
    """Registered kinds with code that the job depends on, such as `losses/triplet`."""
    own: tuple[Path, ...] = ()
    """Files and folders of the user's own that params.yaml names and the job reads: an added image is a change."""
    beside: tuple[Path, ...] = field(default=(), compare=False)
    """Further files of the user's own that the job reads if they exist, such as the images that a list names."""

    @property
    def name(self) -> str:
        """The job's name within the stage."""
        return "--".join(self.names)

    def has_inputs(self) -> bool:
        """Whether all inputs of the job exist."""
        return all((path if path.suffix else path / MANIFEST).is_file() for path in self.inputs)

    @property
    def target(self) -> Path:
        """The file that stands for the job's outputs."""
        return self.outputs[0] if self.outputs[0].suffix else self.outputs[0] / MANIFEST


def download(study: Study, at: Layout) -> Iterator[Job]:
    """Return a job for each data set and each entry of weights."""
    from pipeline.plan.beside import read_beside

    for name, source in study.download.items():
        code = (f"sources/{source.kind}",)
        images = name in study.align or any(render.dataset == name for render in study.render.values())
        keys = (f"download.{name}", *(_nobody(study) if images else ()))
        beside = tuple(read_beside(source, at.root))
        yield Job("download", (name,), (), (at.raw(name),), keys, code, _own(source), beside)


def render(study: Study, at: Layout) -> Iterator[Job]:
    """Return a job for each data set that is painted."""
    for name, render in study.render.items():
        keys = ("seed", f"render.{name}")
        yield Job("render", (name,), (at.raw(render.dataset),), (at.raw(name),), keys)


def align(study: Study, at: Layout) -> Iterator[Job]:
    """Return a job for each data set."""
    for name, align in study.align.items():
        weights = _unique(at.raw(entry) for entry in align.weights.values())
        kinds = _unique(f"detectors/{d.kind}" for d in align.detectors)
        inputs = (at.raw(name), *weights)
        yield Job("align", (name,), inputs, (at.faces(name),), (f"align.{name}",), kinds, _own(align))


def split(study: Study, at: Layout) -> Iterator[Job]:
    """Return a job for each data set."""
    for name, split in study.split.items():
        like = (at.split(split.dataset),) if split.kind == "like" else ()
        inputs = (at.faces(name), *like)
        tied = split.kind == "sitters" and split.artists != "ignore"
        keys = ("seed", f"split.{name}", *(_nobody(study) if tied else ()))
        yield Job("split", (name,), inputs, (at.split(name),), keys)


def _own(section: BaseModel) -> tuple[Path, ...]:
    """Return the files and folders of the user's own that a section names."""
    from pipeline.core.own_files import located, named

    return tuple(located(path) for path in named(section).values())


def _nobody(study: Study) -> tuple[str, ...]:
    """Return the key of the words for nobody if the study has it: DVC refuses missing keys."""
    return ("nobody",) if "nobody" in study.model_fields_set else ()


def train(study: Study, at: Layout) -> Iterator[Job]:
    """Return a job for each model."""
    return (_train(study, at, name) for name in study.models)


def _train(study: Study, at: Layout, name: str) -> Job:
    from pipeline.params.effective import tested_elsewhere

    model = study.models[name]
    inputs = list(_weights(study, at, name))
    learned_from = study.training(name).train_on
    if model.is_trained or model.centre:
        for dataset in learned_from:
            inputs += [at.faces(dataset), at.split(dataset)]
    if model.centre:
        inputs += [at.split(other) for dataset in learned_from for other in tested_elsewhere(study, dataset)]
    kinds = (*_network_kinds(study, name), *(f"losses/{kind}" for kind in model.loss.kinds()))
    swept = study.swept(name)
    keys = ("seed", "train", *(swept.keys if swept else [f"models.{name}"]))
    keys += ("embed.datasets",) if model.centre else ()
    return Job("train", (name,), _unique(iter(inputs)), (at.model(name),), keys, kinds)


def _weights(study: Study, at: Layout, name: str) -> tuple[Path, ...]:
    return tuple(at.raw(entry) for entry in study.models[name].backbone.entries().values())


def _network_kinds(study: Study, name: str) -> tuple[str, ...]:
    model = study.models[name]
    return (f"backbones/{model.backbone.kind}", f"adaptations/{model.adaptation.kind}")


def embed(study: Study, at: Layout) -> Iterator[Job]:
    """Return a job for each model and data set."""
    return (_embed(study, at, name, dataset) for name in study.models for dataset in study.embed.datasets)


def _embed(study: Study, at: Layout, name: str, dataset: str) -> Job:
    inputs = (at.model(name), at.faces(dataset), *_weights(study, at, name))
    outputs = (at.embeddings(name, dataset),)
    # DVC refuses keys that params.yaml lacks, so a field with a default counts only where it is set.
    keys = tuple(f"embed.{field}" for field in ("batch", "precision") if field in study.embed.model_fields_set)
    return Job("embed", (name, dataset), inputs, outputs, keys, _network_kinds(study, name))


def outside(study: Study, at: Layout) -> Iterator[Job]:
    """Return a job for each outside system."""
    for name, entry in study.outside.items():
        inputs = (at.raw(entry.file), *map(at.faces, study.embed.datasets))
        outputs = (at.model(name), *(at.embeddings(name, dataset) for dataset in study.embed.datasets))
        keys = (f"outside.{name}", "embed.datasets")
        yield Job("outside", (name,), inputs, outputs, keys, (f"outside_systems/{entry.kind}",))


def fuse(study: Study, at: Layout) -> Iterator[Job]:
    """Return a job for each fusion."""
    return (_fuse(study, at, name) for name in study.fuse)


def _fuse(study: Study, at: Layout, name: str) -> Job:
    from pipeline.params.effective import tested_elsewhere
    from pipeline.params.fuse import members

    fusion = study.fuse[name]
    datasets = study.embed.datasets
    models = [model for behind in members(study, name) for model in behind]
    inputs = [at.embeddings(model, dataset) for model in models for dataset in datasets]
    tested = fusion.method.kind == "folds" or fusion.crossval or fusion.score_norm is not None
    kept_apart = [other for dataset in fusion.fit_on for other in tested_elsewhere(study, dataset)]
    inputs += [at.split(d) for d in _unique(iter((*fusion.fit_on, *(datasets if tested else kept_apart))))]
    outputs = (at.model(name), *(at.embeddings(name, dataset) for dataset in datasets))
    swept = study.swept(name)
    keys = ("seed", *(swept.keys if swept else [f"fuse.{name}"]), "embed.datasets")
    return Job("fuse", (name,), tuple(inputs), outputs, keys, (f"fusions/{fusion.method.kind}",))


def evaluate(study: Study, at: Layout) -> Iterator[Job]:
    """Return the one job of the stage."""
    names = study.judged
    inputs = [at.embeddings(name, dataset) for name in names for dataset in study.embed.datasets]
    datasets = [*study.embed.datasets, *map(study.photographs_of, study.embed.datasets), *study.learned_from]
    inputs += [at.split(dataset) for dataset in _unique(iter(datasets)) if dataset in study.split]
    benchmarks = study.evaluate.benchmarks.values()
    judged = [dataset for b in benchmarks for field, dataset in b.datasets().items() if field != "centres"]
    pictures = [dataset for pair in study.compared for dataset in pair]  # pictures that two data sets may both hold
    inputs += [at.faces(dataset) for dataset in _unique(iter((*judged, *pictures)))]
    if any(b.kind == "geometry" for b in benchmarks):  # the class centres that a loss has learned
        inputs += [at.model(name) for name in names]
    inputs += [at.overlap(name) for dataset in study.embed.datasets for name in study.excluding(dataset)]
    kinds = _unique(f"metrics/{benchmark.kind}" for benchmark in benchmarks)
    keys = (
        "seed",
        "evaluate",
        *(_nobody(study) if any(b.counts_nobody_as_missing() for b in benchmarks) else ()),
    )
    own = _unique(path for benchmark in benchmarks for path in _own(benchmark))
    yield Job("evaluate", (), tuple(inputs), at.evaluated(), keys, kinds, own)


def overlap(study: Study, at: Layout) -> Iterator[Job]:
    """Return a job for each test set."""
    return (_overlap(study, at, name) for name in study.overlap)


def _overlap(study: Study, at: Layout, name: str) -> Job:
    entry = study.overlap[name]
    datasets = _unique(iter((*entry.train, entry.test)))
    inputs = [folder(dataset) for dataset in datasets for folder in (at.faces, at.split)]
    inputs += [at.embeddings(entry.model, dataset) for dataset in datasets] if entry.model else []
    return Job("overlap", (name,), tuple(inputs), (at.overlap(name),), (f"overlap.{name}",))


def explain(study: Study, at: Layout) -> Iterator[Job]:
    """Return a job for each model that the study explains."""
    if study.explain is not None:
        for name in study.explain.models:
            yield _explain(study, at, study.explain, name)


def _explain(study: Study, at: Layout, explain: Explain, name: str) -> Job:
    inputs = [at.model(name), *_weights(study, at, name)]
    for dataset in _unique(iter((explain.probe, explain.gallery or explain.probe))):
        inputs += [at.faces(dataset), at.split(dataset), at.embeddings(explain.models[0], dataset)]
        photographs = study.photographs_of(dataset)
        inputs += [at.split(photographs)] if photographs in study.split else []
        inputs += map(at.overlap, study.excluding(dataset))
    inputs = list(_unique(iter(inputs)))
    keys = ("explain", "embed.batch")
    return Job("explain", (name,), tuple(inputs), (at.attributions(name),), keys, _network_kinds(study, name))


def identify(study: Study, at: Layout) -> Iterator[Job]:
    """Return a job for each question."""
    return (_identify(study, at, name) for name in study.identify)


def _identify(study: Study, at: Layout, name: str) -> Job:
    from pipeline.params.identify import learned_from_by

    entry = study.identify[name]
    datasets = _unique(iter((*entry.probes, *entry.gallery)))
    inputs = [at.model(entry.model)]
    for dataset in datasets:
        inputs += [at.raw(dataset), at.faces(dataset), at.split(dataset)]
        inputs += [at.embeddings(entry.model, dataset)]
    others = (*map(study.photographs_of, datasets), *learned_from_by(study, entry.model))
    inputs += [at.split(dataset) for dataset in others if dataset in study.split]
    keys = ("seed", f"identify.{name}", *_nobody(study))
    keys += tuple(f"align.{d}.doubtful" for d in datasets if "doubtful" in study.align[d].model_fields_set)
    return Job("identify", (name,), _unique(iter(inputs)), (at.identify(name),), keys, own=_own(entry))


def report(study: Study, at: Layout) -> Iterator[Job]:
    """Return the one job of the stage."""
    inputs = [at.results() / MANIFEST]
    inputs += [folder(dataset) for dataset in study.align for folder in (at.raw, at.faces)]
    inputs += [at.split(dataset) for dataset in study.split]
    inputs += [at.model(name) for name in study.systems]
    inputs += [at.overlap(name) for name in study.overlap]
    inputs += [at.attributions(name) for name in (study.explain.models if study.explain else ())]
    inputs += [at.identify(name) for name in study.identify]
    sections = tuple(
        name for name in type(study).model_fields if name in study.model_fields_set - {"name", "resources", "tracking"}
    )
    yield Job("report", (), tuple(inputs), (at.report(),), sections)


def _unique(items: Iterator[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(items))
