"""Options shared by all benchmarks, and by the benchmarks that compare images."""

from __future__ import annotations

from typing import Literal

from pipeline.core.registry import Options, Strict

DATASETS = ("probe", "gallery", "dataset", "centres")
"""Fields that name a data set under `embed.datasets`, in every kind that has them."""


class BenchmarkOptions(Options):
    """Options of a benchmark."""

    def datasets(self) -> dict[str, str]:
        """Return the data sets that the benchmark names, by field."""
        return {field: value for field, value in self if field in DATASETS and value is not None}

    def columns(self) -> list[tuple[str, str]]:
        """Return the data sets and columns of their manifests that the benchmark needs."""
        return []

    def counts_nobody_as_missing(self) -> bool:
        """Return whether a word for nobody in a column of the manifest counts as a missing value."""
        return False

    def stays_within_folds(self) -> bool:
        """Return whether the benchmark compares only images of one fold, as cross-validated models need."""
        return False


class Pooling(Strict):
    """How the images of a template are pooled."""

    pool: Literal["vector", "best-score", "mean-score", "likelihood"] = "vector"
    """How two templates are compared. vector: by the mean of their images' unit vectors. The other kinds combine the
    scores of every image of one template with every image of the other: their best, their mean, or the sum of their
    log-likelihood ratios, calibrated on pairs of validation images, as if all pairs were independent."""
    media: str | None = None
    """Column that names the medium of each image: images of one medium are averaged first, and count as one."""
    weights: str | None = None
    """Weights of the images in a mean of vectors: `norm` (the length of the vector), `score` (of the detector),
    `size` (of the face) or a column of numbers; null: equal weights."""

    def named(self, column: str) -> list[str]:
        """Return the columns that the manifest needs if this column names the templates."""
        found = [name for name in (column, self.media, self.weights) if name]
        return [name for name in found if name not in ("sitter", "norm", "size")]


class TemplateOptions(Pooling):
    """Several images of one sitter are pooled to one template, which is compared like an image."""

    probe: str | None = None
    """Column of the manifest that names the template of each probe image (several with semicolons between them), or
    `sitter`; null: images are compared one by one."""
    gallery: str | None = None
    """The same for the gallery. In `identification`, if the gallery is the probes' own data set, another column than
    `probe` makes two sets of templates from one data set, such as IJB-C's `probe_mixed` and `gallery_g1`."""


class ComparisonOptions(BenchmarkOptions):
    """Options of a benchmark that compares the images of a data set with each other or with a gallery."""

    probe: str
    """Data set of the probe images."""
    gallery: str | None = None
    """Data set that probes are compared with; null: the probes' own."""
    within_folds: bool = False
    templates: TemplateOptions | None = None
    """Pool several images of one sitter to one template."""

    @property
    def other(self) -> str | None:
        """Return the gallery if it is another data set than the probes'."""
        return None if self.gallery == self.probe else self.gallery

    @property
    def searched(self) -> str | None:
        """Return the gallery if it differs from the probes: another data set, or other templates of the same."""
        asked = self.templates
        two = asked is not None and asked.gallery is not None and asked.gallery != asked.probe
        return self.probe if self.other is None and two else self.other

    def columns(self) -> list[tuple[str, str]]:
        """Return the columns that pool images to templates."""
        asked, searched = self.templates, self.searched
        if asked is None:
            return []
        sides = [(self.probe, asked.probe), *([(searched, asked.gallery)] if searched else [])]
        return [(dataset, name) for dataset, by in sides if by for name in asked.named(by)]

    def stays_within_folds(self) -> bool:
        """Return `within_folds`."""
        return self.within_folds
