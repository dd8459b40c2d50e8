"""Options of the benchmark `identification`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.params.metrics.base import ComparisonOptions


class IdentificationOptions(ComparisonOptions):
    """Search each test image of a data set in a gallery, or, leave-one-out, among the other images of its data set."""

    implementation: ClassVar[str] = "pipeline.metrics.identification:identification"
    kind: Literal["identification"] = "identification"
    ranks: tuple[Annotated[int, Field(ge=1)], ...] = (1, 5)
    """Ranks at which the hit rate is given."""
    within_folds: bool = False
    """Search among the images of the probe's fold, as cross-validated models want it."""
