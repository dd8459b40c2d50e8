"""The record of an evaluation, `run.json`: its settings, the data and versions behind it, and how figures are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from pipeline.store.figures import Shown


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
class SubsetSize:
    """The size of a subset of a data set."""

    images: int
    sitters: int
    """Number of identified sitters."""


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
class Run:
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

    def record(self) -> dict[str, Any]:
        """Return the content of `run.json`."""
        benchmarks = {
            name: {**one.options, "scalars": {figure: how.record() for figure, how in one.shown.items()}}
            for name, one in self.benchmarks.items()
        }
        return asdict(self) | {"benchmarks": benchmarks}

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Run:
        """Return the record that `run.json` holds; what an older version did not record is empty.

        Raises:
            KeyError: the seed, the level or the number of replicates is absent.
        """
        needed = {name: record[name] for name in ("seed", "level", "replicates")}
        known = {one.name: record[one.name] for one in fields(cls) if one.name in record}
        told = record.get("trained_sitters", {})
        seen = tuple(SeenElsewhere(**one) for one in told.get("found", ()))
        trained = TrainedSitters(told.get("exclude", False), seen)
        benchmarks = {
            name: MeasuredBenchmark(
                {option: value for option, value in one.items() if option != "scalars"},
                {figure: Shown(**how) for figure, how in one.get("scalars", {}).items()},
            )
            for name, one in record.get("benchmarks", {}).items()
        }
        data = {
            dataset: {subset: SubsetSize(**size) for subset, size in subsets.items()}
            for dataset, subsets in record.get("data", {}).items()
        }
        return cls(**needed | known | {"benchmarks": benchmarks, "data": data, "trained_sitters": trained})
