"""The record of an evaluation, `run.json`: its settings, the data and versions behind it, and how figures are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.core.files import write_json
from pipeline.core.json_records import as_json, of_json
from pipeline.store.figures import Shown
from pipeline.store.subset_size import SubsetSize

BENCHMARKS, SHOWN = "benchmarks", "scalars"
"""Keys of `run.json`: each benchmark has its options as keys, and beside them how its figures are shown."""


@dataclass(frozen=True)
class SeenElsewhere:
    """Test sitters of a data set who are training sitters of some models in other data sets."""

    dataset: str
    of: int
    """The number of test sitters of the data set."""
    models: Sequence[str]
    sitters: Sequence[str]
    where: Sequence[str]
    """The data sets in which they train."""
    sentence: str


@dataclass(frozen=True)
class TrainedSitters:
    """What became of test sitters whom models were trained on in other data sets."""

    exclude: bool = False
    """Whether they were left out for all models."""
    found: tuple[SeenElsewhere, ...] = ()


@dataclass(frozen=True)
class MeasuredBenchmark:
    """A benchmark as it was when it was evaluated."""

    options: Mapping[str, Any]
    """Its options in params.yaml, as text and numbers; an option is absent where an older version did not have it."""
    shown: Mapping[str, Shown]
    """How each figure is shown, by its name."""

    @property
    def kind(self) -> str:
        """The kind of the benchmark; empty if it is not recorded."""
        return str(self.options.get("kind", ""))

    @property
    def probe(self) -> str:
        """The data set of the probes, or the only data set; empty if it is not recorded."""
        return str(self.options.get("probe") or self.options.get("dataset") or "")

    @property
    def gallery(self) -> str:
        """The data set of the gallery; the probes' where there is no other."""
        return str(self.options.get("gallery") or self.probe)

    @property
    def predict(self) -> str:
        """The column that a linear probe predicts; empty for other kinds."""
        return str(self.options.get("predict") or "")


NOT_RECORDED = MeasuredBenchmark({}, {})


@dataclass(frozen=True)
class Evaluation:
    """The record of an evaluation."""

    seed: int
    level: float
    """Level of the intervals."""
    replicates: int
    """Number of bootstrap replicates."""
    far: Sequence[float] = ()
    family: str = ""
    """Which comparisons with the baseline are corrected together: of a benchmark, or of the study."""
    models: Sequence[str] = ()
    outside: Sequence[str] = ()
    fusions: Sequence[str] = ()
    benchmarks: Mapping[str, MeasuredBenchmark] = field(default_factory=dict)
    data: Mapping[str, Mapping[str, SubsetSize]] = field(default_factory=dict)
    """Data set → subset → its size."""
    versions: Mapping[str, str] = field(default_factory=dict)
    trained_sitters: TrainedSitters = field(default_factory=TrainedSitters)
    excluded: Mapping[str, int] = field(default_factory=dict)
    """Data set → number of images that were left out because a training set holds them, too."""


def write_evaluation(path: Path, evaluation: Evaluation) -> None:
    """Write `run.json`."""
    benchmarks = {name: {**one.options, SHOWN: as_json(one.shown)} for name, one in evaluation.benchmarks.items()}
    write_json(path, as_json(evaluation) | {BENCHMARKS: benchmarks})


def evaluation_of(path: Path, content: Any) -> Evaluation:
    """Return the content of `run.json` as a record; what an older version did not record is empty.

    Raises:
        SitterError: the seed, the level or the number of replicates is absent, or a value has another type.
    """
    told = content.get(BENCHMARKS, {}) if isinstance(content, dict) else {}
    benchmarks = {name: {"options": one, "shown": one.pop(SHOWN, {})} for name, one in deepcopy(told).items()}
    return of_json(Evaluation, content | {BENCHMARKS: benchmarks} if told else content, path)
