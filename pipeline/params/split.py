"""Section `split`: which sitters train, validate and test, a data set an entry."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipeline.kinds import Strict


class BySitter(Strict):
    """Sitters are dealt to train, val and test at random (seeded); no sitter stands in two."""

    kind: Literal["sitters"]
    test: Annotated[float, Field(ge=0, le=1)]
    """Share of the sitters that are tested on."""
    val: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the sitters that models and weights are chosen on."""
    folds: Annotated[int, Field(ge=2)] = 10
    """Folds, by sitter."""


class Like(Strict):
    """Each sitter is where it is in another data set, whose images these are renderings of."""

    kind: Literal["like"]
    dataset: str


Split = Annotated[BySitter | Like, Field(discriminator="kind")]
