"""Section `split`: which sitters train, validate and test, a data set an entry."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

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
    near_duplicates: bool = True
    """Look for one picture under two sitters' names, and keep such sitters together."""

    @model_validator(mode="after")
    def _shares_fit(self) -> BySitter:
        if self.test + self.val > 1 + 1e-9:
            raise ValueError(f"test {self.test:g} and val {self.val:g} are more than 1 together; the rest is for train")
        return self


class Like(Strict):
    """Each sitter is where it is in another data set, whose images these are renderings of."""

    kind: Literal["like"]
    dataset: str
    near_duplicates: bool = True
    """Look for one picture under two sitters' names, and leave out what would straddle a border."""


Split = Annotated[BySitter | Like, Field(discriminator="kind")]
