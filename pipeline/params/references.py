"""Checks names that one section of a study uses and another defines, and what sections require of each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from pipeline.core.errors import nearest
from pipeline.params.analyses import refer_analyses
from pipeline.params.fuse import fusion_problems
from pipeline.params.identify import refer_identify
from pipeline.params.licences import licence_problems
from pipeline.params.messages import sentence
from pipeline.params.model_problems import (
    idle_patience,
    unlike_the_catalogue,
    wrong_batches,
    wrong_centre,
    wrong_roles,
    wrong_weights,
)
from pipeline.params.resources import ALL
from pipeline.params.systems import system_problems
from pipeline.params.tracking import tracking_problems

if TYPE_CHECKING:
    from pipeline.params import Study
    from pipeline.params.train import Model

# The sections with a job for each entry, by the stage that runs them.
SECTION_OF = {
    "overlap": "overlap",
    "render": "render",
    "align": "align",
    "train": "models",
    "embed": "models",
    "outside": "outside",
    "fuse": "fuse",
    "explain": "models",
    "identify": "identify",
}


def wrong_references(study: Study) -> list[str]:
    """Return a sentence for each name that no section defines, and for each contradiction between sections."""
    check = _References(study)
    check.data_sets()
    for name, model in study.models.items():
        check.model(name, model)
    check.fusions()
    check.benchmarks()
    refer_analyses(study, check.refer)
    check.problems += [*refer_identify(study, check.refer), *system_problems(study), *tracking_problems(study)]
    check.problems += licence_problems(study) if not check.problems else []
    check.resources()
    return check.problems


class _References:
    """Collects the sentences, in the order of the sections."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.problems: list[str] = []

    def refer(self, field: str, name: str, sort: str, known: Any) -> None:
        """Add a sentence if a name is not among the known ones."""
        if name not in known:
            self.problems.append(f"{field} is {name!r}, which is no {sort}; {nearest(name, known)}")

    def data_sets(self) -> None:
        """Check `render`, `align`, `split` and `embed`."""
        study = self.study
        raw_sets = {**study.download, **study.render}
        for name in study.render.keys() & study.download.keys():
            self.problems.append(f"render.{name} has the name of an entry under download: rename one of them")
        for name, render in study.render.items():
            self.refer(f"render.{name}.dataset", render.dataset, "entry under download", study.download)
        for name, align in study.align.items():
            self.refer(f"align.{name}", name, "data set under download or render", raw_sets)
            for i, weights in align.weights.items():
                self.refer(f"align.{name}.detectors.{i}.weights", weights, "entry under download", study.download)
        for name, split in study.split.items():
            self.refer(f"split.{name}", name, "data set under align", study.align)
            if split.kind == "like":
                field = f"split.{name}.dataset"
                self.refer(field, split.dataset, "data set under split", study.split)
                if split.dataset in study.split and study.split[split.dataset].kind == "like":
                    self.problems.append(f"{field} is {split.dataset!r}, itself split like another: name that one")
        for dataset in study.embed.datasets:
            self.refer("embed.datasets", dataset, "data set under split", study.split)

    def model(self, name: str, model: Model) -> None:
        """Check an entry under `models`, and how it is trained."""
        study = self.study
        for field, entry in model.backbone.entries().items():
            self.refer(f"models.{name}.backbone.{field}", entry, "entry under download", study.download)
        if list(model.backbone.entries()) == ["adapter"]:
            self.problems.append(
                f"models.{name}.backbone.adapter needs the weights that it was trained with: set weights"
            )
        self.problems += [*wrong_weights(name, model), *wrong_roles(name, model)]
        self.problems += unlike_the_catalogue(name, model, study.download)
        trained = model.is_trained
        if trained != (model.loss.kind != "none"):
            self.problems.append(
                f"models.{name}: adaptation is {model.adaptation.kind!r} but loss is {model.loss.kind!r}; "
                "a frozen model has neither, a trained one both"
            )
        try:
            training = study.training(name)
        except ValidationError as error:
            changes = model.training.model_dump(exclude_unset=True)
            self.problems += [sentence(f"models.{name}.training", changes, e) for e in error.errors()]
            return
        self.problems += wrong_centre(name, model, training, study.split)
        if trained and not training.train_on:
            self.problems.append(f"models.{name}.training.train_on is empty: name the data sets to learn from")
        for dataset in training.train_on if trained or model.centre else ():
            self.refer(f"models.{name}.training.train_on", dataset, "data set under split", study.split)
        if trained:
            self.problems += [*wrong_batches(name, model, training), *idle_patience(name, training, study.split)]

    def fusions(self) -> None:
        """Check `fuse`."""
        study = self.study
        earlier: list[str] = []
        for name, fusion in study.fuse.items():
            if name in study.models:
                self.problems.append(f"fuse.{name} has the name of a model: rename one of them")
            known = [*study.models, *study.outside, *earlier]
            for part in fusion.models:
                self.refer(f"fuse.{name}.models", part, "model, outside system or earlier fusion", known)
            self.problems += fusion_problems(study, name)
            for dataset in fusion.fit_on:
                self.refer(f"fuse.{name}.fit_on", dataset, "data set under embed.datasets", study.embed.datasets)
            if fusion.centre and not fusion.fit_on and fusion.method.kind != "folds":
                said = "true" if "centre" in fusion.model_fields_set else "true by default"
                self.problems.append(
                    f"fuse.{name}: centre is {said}, which needs fit_on: name the data sets whose train sitters give "
                    "the mean, or write centre: false"
                )
            earlier.append(name)

    def benchmarks(self) -> None:
        """Check the data sets of the benchmarks."""
        for name, benchmark in self.study.evaluate.benchmarks.items():
            for field, dataset in benchmark.datasets().items():
                where = f"evaluate.benchmarks.{name}.{field}"
                self.refer(where, dataset, "data set under embed.datasets", self.study.embed.datasets)

    def resources(self) -> None:
        """Check `resources`."""
        study = self.study
        for stage, section in SECTION_OF.items():
            for name in getattr(study.resources, stage).keys() - {ALL}:
                self.refer(f"resources.{stage}.{name}", name, f"entry under {section}", getattr(study, section))
        if ALL in study.models:
            self.problems.append("models.all: under resources, «all» means every model: rename it")
        for name in study.models if not self.problems else ():
            self.problems += _too_many_processes(study, name)


def _too_many_processes(study: Study, model: str) -> list[str]:
    """Return a sentence if a batch has fewer sitters, pairs or images than processes that share it."""
    asked = study.resources.of_training(model)
    training = study.training(model)
    of = {"sitters": training.sitters, "pairs": (training.batch or 0) // 2, "shuffle": training.batch or 0}
    what = {"shuffle": "images"}.get(training.sampler, training.sampler)
    parts = of[training.sampler]
    if not study.models[model].is_trained or training.batch_per == "process" or asked.world <= parts:
        return []
    field, number = ("processes", asked.processes) if asked.processes else ("gpus", asked.gpus or 1)
    return [
        f"resources.train.{model}: {asked.nodes or 1} nodes × {number} {field} are {asked.world} "
        f"processes, but a batch has only {parts} {what} to share out among them: "
        f"ask for fewer, or raise models.{model}.training.{'sitters' if training.sampler == 'sitters' else 'batch'}"
    ]
