"""What all benchmarks share, then those that compare images."""

from __future__ import annotations

from pipeline.core.registry import Options

DATASETS = ("probe", "gallery", "dataset", "centres")
"""Fields that name a data set under `embed.datasets`, in whatever kind they are."""


class BenchmarkOptions(Options):
    """Options of a benchmark."""

    def datasets(self) -> dict[str, str]:
        """Return the data sets that it names, by field."""
        return {field: value for field, value in self if field in DATASETS and value is not None}

    def stays_within_folds(self) -> bool:
        """Return whether it compares images of one fold only, as cross-validated models want it."""
        return False


class ComparisonOptions(BenchmarkOptions):
    """Options of a benchmark that compares the images of a data set with each other or with a gallery."""

    probe: str
    """Data set of the probe images."""
    gallery: str | None = None
    """Data set that probes are compared with; null: the probe's own."""
    within_folds: bool = False

    @property
    def other(self) -> str | None:
        """The gallery, where it is another data set than that of the probes."""
        return None if self.gallery == self.probe else self.gallery

    def stays_within_folds(self) -> bool:
        """Return `within_folds`."""
        return self.within_folds
