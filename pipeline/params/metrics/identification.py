"""Options of the benchmark `identification`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.params.metrics.base import ComparisonOptions


class IdentificationOptions(ComparisonOptions):
    """Search each test image of a data set in a gallery or (leave-one-out) among the other images of its data set."""

    implementation: ClassVar[str] = "pipeline.metrics.identification:identification"
    kind: Literal["identification"] = "identification"
    ranks: tuple[Annotated[int, Field(ge=1)], ...] = (1, 5)
    """Ranks at which hit rates are reported."""
    rank_by: Literal["sitters", "images"] = "sitters"
    """What a rank counts: the gallery's sitters, each by the best image, or the gallery's images (or templates).
    `images` also gives the mean average precision, `map`, and follows TinyFace's protocol."""
    open_set: Literal["struck", "absent"] = "struck"
    """Searches that are false alarms if they return anybody. struck: each probe, with its own sitter removed from the
    gallery. absent: only probes with a sitter outside the gallery, as in the protocols of IJB-B and IJB-C."""
    within_folds: bool = False
    """Search among the images of the probe's fold, as cross-validated models need."""
