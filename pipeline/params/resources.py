"""Section `resources`: what the jobs of a stage request from a SLURM cluster. It does not change what is computed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, TypeVar

from pydantic import Field

from pipeline.core.registry import Strict

ALL = "all"
Requests = TypeVar("Requests", bound="JobResources")


class JobResources(Strict):
    """What a job requests. Unset fields take the value under `all` of the stage, then the profile's."""

    cpus: Annotated[int | None, Field(ge=1)] = None
    """Number of cores for each process."""
    memory_gb: Annotated[float | None, Field(gt=0)] = None
    """Memory on each node, in gigabytes."""
    hours: Annotated[float | None, Field(gt=0)] = None
    """Hours until the job is stopped; a training then resumes from its checkpoint in the next attempt."""


class AlignJobResources(JobResources):
    """Requests of a job of `align`, which aligns large data sets in parts."""

    parts: Annotated[int | None, Field(ge=1, le=1000)] = None
    """Number of processes that share the images, on as many nodes as have room."""


class GpuJobResources(JobResources):
    """Requests of a job that can use a GPU."""

    gpus: Annotated[int | None, Field(ge=0)] = None
    """Number of GPUs on each node; 0: none."""


class TrainJobResources(GpuJobResources):
    """Requests of a job of `train`, over several processes and nodes."""

    nodes: Annotated[int | None, Field(ge=1)] = None
    """Number of nodes that train together."""
    processes: Annotated[int | None, Field(ge=1)] = None
    """Number of processes on each node; null: one for each GPU, or one where there is none."""

    @property
    def world(self) -> int:
        """Return the number of processes that train together."""
        return (self.nodes or 1) * (self.processes or self.gpus or 1)


_KINDS: dict[str, type[JobResources]] = {
    "align": AlignJobResources,
    "train": TrainJobResources,
    "embed": GpuJobResources,
    "explain": GpuJobResources,
}


class Resources(Strict):
    """Requests by stage, then by entry (`embed`, `explain`: by model), or under `all` for every job of the stage."""

    render: dict[str, JobResources] = {}
    """Requests of the jobs of `render`."""
    align: dict[str, AlignJobResources] = {}
    """Requests of the jobs of `align`."""
    train: dict[str, TrainJobResources] = {}
    """Requests of the jobs of `train`."""
    embed: dict[str, GpuJobResources] = {}
    """Requests of the jobs of `embed`."""
    outside: dict[str, JobResources] = {}
    """Requests of the jobs of `outside`."""
    fuse: dict[str, JobResources] = {}
    """Requests of the jobs of `fuse`."""
    overlap: dict[str, JobResources] = {}
    """Requests of the jobs of `overlap`."""
    evaluate: dict[Literal["all"], JobResources] = {}
    """Requests of the job of `evaluate`."""
    explain: dict[str, GpuJobResources] = {}
    """Requests of the jobs of `explain`."""
    identify: dict[str, JobResources] = {}
    """Requests of the jobs of `identify`."""

    def of(self, stage: str, name: str) -> JobResources:
        """Return the requests of one job: its own fields, then the fields under `all`."""
        return _for_one(_KINDS.get(stage, JobResources), getattr(self, stage), name)

    def of_training(self, model: str) -> TrainJobResources:
        """Return the requests of the training of a model."""
        return _for_one(TrainJobResources, self.train, model)


def _for_one(kind: type[Requests], asked: Mapping[str, JobResources], name: str) -> Requests:
    own = (asked[key].model_dump(exclude_unset=True) for key in (ALL, name) if key in asked)
    return kind.model_validate({key: value for fields in own for key, value in fields.items()})
