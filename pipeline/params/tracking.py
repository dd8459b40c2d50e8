"""Section `tracking`: services that show training progress. Nothing in it changes what is computed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from pipeline.core.errors import nearest
from pipeline.core.registry import Strict

if TYPE_CHECKING:
    from pipeline.params import Study
    from pipeline.params.metrics import Benchmark

PACKAGES = {"tensorboard": ("tensorboard", "tensorboardX"), "wandb": ("wandb",), "mlflow": ("mlflow",)}
"""Modules by tracker, which needs one of them."""


class Tracking(Strict):
    """Services that show trainings while they run."""

    tracker: Literal["tensorboard", "wandb", "mlflow"] | None = None
    """Service that receives loss, validation and learning rate of each epoch: TensorBoard (in `logs/tracking/`), or
    Weights & Biases or MLflow, which read their address from their own environment variables. Its package must be
    installed."""
    benchmarks: tuple[str, ...] = ()
    """Benchmarks of kind `kfold`, or of kind `all-pairs` within one data set, that measure the network during training,
    for the log and the tracker. They do not influence which epoch is kept."""
    every: Annotated[int, Field(ge=1)] = 1
    """Number of epochs from one such measurement to the next."""
    images: Annotated[int, Field(ge=4)] = 1000
    """Largest number of test images for such a measurement: whole sitters, or pairs of each fold, drawn at random."""

    def lacking(self) -> str:
        """Return a message about the package that must be installed before a training can be tracked, or ""."""
        if self.tracker is None or any(find_spec(module) for module in PACKAGES[self.tracker]):
            return ""
        package = PACKAGES[self.tracker][0]
        return (
            f"tracking.tracker is {self.tracker}, but the package {package} is not installed here: "
            f"`pip install {package}`, or leave tracking.tracker out."
        )


@dataclass(frozen=True)
class Watch:
    """How trainings are watched: the section, and what it names; by default, they are not."""

    options: Tracking = field(default_factory=Tracking)
    benchmarks: Mapping[str, Benchmark] = field(default_factory=dict)
    """Those that a network is measured by."""
    far: tuple[float, ...] = ()
    """At which FARs."""


def tracking_problems(study: Study) -> Iterator[str]:
    """Yield a sentence for each benchmark that does not exist, or cannot measure a training."""
    for name in study.tracking.benchmarks:
        benchmark = study.evaluate.benchmarks.get(name)
        if benchmark is None:
            known = nearest(name, study.evaluate.benchmarks)
            yield f"tracking.benchmarks is {name!r}, which is no entry under evaluate.benchmarks; {known}"
        elif benchmark.kind != "kfold" and not (
            benchmark.kind == "all-pairs" and benchmark.other is None and benchmark.templates is None
        ):
            yield (
                f"tracking.benchmarks is {name!r}, of kind {benchmark.kind!r}: a training is measured by "
                "benchmarks of kind kfold, or of kind all-pairs within one data set and without templates"
            )
