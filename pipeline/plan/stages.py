"""The one table of stages: the command line, the rules of Snakemake, dvc.yaml and the fingerprints all come from it.

A new stage is a row here, a function in `pipeline.plan.jobs`, a module under `pipeline/stages/`, a section of
`params.yaml` in `pipeline/params/` and a rule in `rules/`, all with the same name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core.layout import Layout
from pipeline.plan import jobs as jobs_of
from pipeline.plan.jobs import Job

if TYPE_CHECKING:
    from pipeline.params import Study


@dataclass(frozen=True)
class Stage:
    """A row of the table."""

    name: str
    """The name of the rule, the DVC stage, the command, the module and the section of params.yaml."""
    what: str
    """What the stage does, for `sitter --help`."""
    jobs: Callable[[Study, Layout], Iterable[Job]]
    """A function that returns the jobs of a study."""
    takes: tuple[tuple[str, str], ...] = ()
    """The names that the command takes: the word in the help, and the section of params.yaml that has the entries."""
    defaults: tuple[str, ...] = ()
    """Further sections of params.yaml with defaults that count as the stage's code."""

    @property
    def sections(self) -> tuple[str, ...]:
        """The sections of params.yaml with defaults that count as the stage's code."""
        return (self.name, *self.defaults)


STAGES = {
    stage.name: stage
    for stage in (
        Stage(
            "download",
            "Fetch a data set or weights into data/raw/ENTRY/, checksums first.",
            jobs_of.download,
            (("ENTRY", "download"),),
        ),
        Stage("render", "Paint a data set into data/raw/DATASET/.", jobs_of.render, (("DATASET", "render"),)),
        Stage(
            "align",
            "Find, choose and crop the faces of a data set into data/faces/DATASET/.",
            jobs_of.align,
            (("DATASET", "align"),),
        ),
        Stage(
            "split",
            "Assign the sitters of a data set to train, val and test in data/splits/DATASET/.",
            jobs_of.split,
            (("DATASET", "split"),),
        ),
        Stage(
            "train",
            "Train a model into models/MODEL/ (a frozen one: record it); resumes by itself.",
            jobs_of.train,
            (("MODEL", "models"),),
        ),
        Stage(
            "embed",
            "Turn the faces of a data set into vectors in embeddings/MODEL/DATASET/.",
            jobs_of.embed,
            (("MODEL", "models"), ("DATASET", "split")),
            defaults=("train",),
        ),
        Stage(
            "outside",
            "Check the file of an outside system and take its vectors or scores into embeddings/SYSTEM/.",
            jobs_of.outside,
            (("SYSTEM", "outside"),),
        ),
        Stage(
            "fuse",
            "Fit a fusion into models/FUSION/ and apply it into embeddings/FUSION/.",
            jobs_of.fuse,
            (("FUSION", "fuse"),),
        ),
        Stage(
            "overlap",
            "Find what a test set shares with training sets into data/overlap/ENTRY/.",
            jobs_of.overlap,
            (("ENTRY", "overlap"),),
        ),
        Stage("evaluate", "Evaluate every model and fusion on every benchmark into results/.", jobs_of.evaluate),
        Stage(
            "explain",
            "Make attribution maps of a model for a few pairs into attributions/MODEL/.",
            jobs_of.explain,
            (("MODEL", "models"),),
        ),
        Stage(
            "identify",
            "Say who may have sat for unidentified portraits, in results/identify/QUESTION/.",
            jobs_of.identify,
            (("QUESTION", "identify"),),
        ),
        Stage("report", "Make results/report.html and print the table.", jobs_of.report),
    )
}
"""The stages by name, in the order in which they run."""


def jobs(study: Study, root: Path = Path()) -> list[Job]:
    """Return every job of a study in a project, in the order of the stages."""
    at = Layout.of(study, root)
    return [job for stage in STAGES.values() for job in stage.jobs(study, at)]
