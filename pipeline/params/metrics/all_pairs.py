"""Options of the benchmark `all-pairs`."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import model_validator

from pipeline.params.metrics.base import ComparisonOptions

KNOWN_QUALITIES = ("score", "size", "norm")
"""Qualities of an image that need no column in the user's manifest."""


class AllPairsOptions(ComparisonOptions):
    """Every pair of test images: within one data set, or probes against a gallery."""

    implementation: ClassVar[str] = "pipeline.metrics.all_pairs:all_pairs"
    kind: Literal["all-pairs"] = "all-pairs"
    within_folds: bool = False
    """Compare only images of one fold, as cross-validated models need."""
    discard: tuple[str, ...] = ("score", "size", "norm")
    """Qualities of an image by which the worst images are discarded, to see how the error falls: the detector's score,
    the face's size, the vector's length (`norm`), or a column of numbers of the manifest."""
    groups: tuple[str, ...] = ()
    """Columns of the manifest (artist, medium, …), or `century`; errors are reported for each of their groups."""

    @model_validator(mode="after")
    def _gallery_is_another(self) -> AllPairsOptions:
        if self.searched != self.other:
            raise ValueError(
                "templates.gallery names other templates than templates.probe, but the gallery is the probes' own data "
                "set, within which every two templates are compared: leave templates.gallery out, or use "
                "identification or template-pairs"
            )
        return self

    def counts_nobody_as_missing(self) -> bool:
        """Return whether there are `groups`, which are made of a column's values."""
        return bool(self.groups)

    def columns(self) -> list[tuple[str, str]]:
        """Return the columns for templates, groups and qualities."""
        named = ["year" if column == "century" else column for column in self.groups]
        named += [column for column in self.discard if column not in KNOWN_QUALITIES]
        datasets = [self.probe, *([self.other] if self.other else [])]
        return super().columns() + [(dataset, column) for dataset in datasets for column in named]
