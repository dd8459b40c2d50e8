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
    rank_by: Literal["sitters", "images"] = "sitters"
    """What a rank counts: the gallery's sitters, each by its best image, or its images (or templates). `images` also
    gives the mean average precision, `map`, and is what TinyFace's protocol has."""
    open_set: Literal["struck", "absent"] = "struck"
    """Which searches are false alarms where they return anybody: each probe with its own sitter struck from the
    gallery, or only probes whose sitter is not in the gallery, as IJB-B's and IJB-C's protocols have them."""
    within_folds: bool = False
    """Search among the images of the probe's fold, as cross-validated models want it."""
