"""Section `resources`: what the jobs of a stage ask of a SLURM cluster. Nothing in it changes what is computed."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipeline.core.registry import Strict

ALL = "all"


class JobResources(Strict):
    """What a job asks for. What is not set is as under `all` of the stage, then as in the profile."""

    cpus: Annotated[int | None, Field(ge=1)] = None
    """Cores of each process."""
    memory_gb: Annotated[float | None, Field(gt=0)] = None
    """Memory on each node."""
    hours: Annotated[float | None, Field(gt=0)] = None
    """Time until the job is stopped; a training goes on from its checkpoint in the next attempt."""


class AlignJobResources(JobResources):
    """… of `align`, for large data sets in parts."""

    parts: Annotated[int | None, Field(ge=1, le=1000)] = None
    """Processes, on as many nodes as there is room on, that share out the images."""


class GpuJobResources(JobResources):
    """… of a stage that can use a GPU."""

    gpus: Annotated[int | None, Field(ge=0)] = None
    """GPUs on each node; 0: none."""


class TrainJobResources(GpuJobResources):
    """… of `train`, over several processes and nodes."""

    nodes: Annotated[int | None, Field(ge=1)] = None
    """Nodes that train together."""
    processes: Annotated[int | None, Field(ge=1)] = None
    """Processes on each node; null: one for each GPU, or one where there is none."""

    @property
    def world(self) -> int:
        """Processes that train together."""
        return (self.nodes or 1) * (self.processes or self.gpus or 1)


_KINDS: dict[str, type[JobResources]] = {
    "align": AlignJobResources,
    "train": TrainJobResources,
    "embed": GpuJobResources,
    "explain": GpuJobResources,
}


class Resources(Strict):
    """By stage, then `all` for every job of the stage or the name of an entry (`embed`, `explain`: of the model)."""

    render: dict[str, JobResources] = {}
    """What the jobs of `render` ask for."""
    align: dict[str, AlignJobResources] = {}
    """What the jobs of `align` ask for."""
    train: dict[str, TrainJobResources] = {}
    """What the jobs of `train` ask for."""
    embed: dict[str, GpuJobResources] = {}
    """What the jobs of `embed` ask for."""
    outside: dict[str, JobResources] = {}
    """What the jobs of `outside` ask for."""
    fuse: dict[str, JobResources] = {}
    """What the jobs of `fuse` ask for."""
    overlap: dict[str, JobResources] = {}
    """What the jobs of `overlap` ask for."""
    evaluate: dict[Literal["all"], JobResources] = {}
    """What the jobs of `evaluate` ask for."""
    explain: dict[str, GpuJobResources] = {}
    """What the jobs of `explain` ask for."""
    identify: dict[str, JobResources] = {}
    """What the jobs of `identify` ask for."""

    def of(self, stage: str, name: str) -> JobResources:
        """What one job asks for: its own fields, then those of `all`."""
        asked = getattr(self, stage)
        kind = _KINDS.get(stage, JobResources)
        own = (asked[key].model_dump(exclude_unset=True) for key in (ALL, name) if key in asked)
        return kind.model_validate({key: value for fields in own for key, value in fields.items()})
