"""Section `split`: which sitters (or images) train, validate and test, a data set an entry."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.core.registry import Strict


def _check_shares(test: float, val: float) -> None:
    if test + val > 1 + 1e-9:
        raise ValueError(f"test {test:g} and val {val:g} are more than 1 together; the rest is for train")


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
    """Look for re-encoded copies of one picture. Of copies under one sitter one is used; sitters who share a picture
    are kept together. The same file twice is found in any case."""
    artists: Literal["ignore", "join", "drop"] = "ignore"
    """Keep each artist on one side, since one painter's hand is read as one sitter. join: sitters who share an artist
    are dealt together. drop: an artist's images stay where most of them are; the others are unused."""
    unknown_artists: tuple[str, ...] = ()
    """Further words in the column artist that name nobody, beside the built-in ones and those under `nobody`."""

    @model_validator(mode="after")
    def _shares_fit(self) -> BySitter:
        _check_shares(self.test, self.val)
        return self


class Like(Strict):
    """Each sitter (or photograph) is where it is in another data set, whose images these are renderings of."""

    kind: Literal["like"]
    dataset: str
    """The data set under `split` whose sides are taken over."""
    near_duplicates: bool = True
    """Look for re-encoded copies of one picture. Of copies under one sitter one is used, and what would straddle a
    border is left out. The same file twice is found in any case."""


class ByImage(Strict):
    """Each sitter's images are dealt to train, val and test (seeded): all sitters are known from training."""

    kind: Literal["images"]
    test: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the images that are tested on."""
    val: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the images that models and weights are chosen on."""
    folds: Annotated[int, Field(ge=2)] = 10
    """Folds, by image."""
    of_each_sitter: bool = False
    """Take the shares of each sitter's images: rounded down, but one image at least of each share while another is
    left to train. Otherwise each image is dealt by itself: shares are met on average, and no image moves because
    others are added."""
    near_duplicates: bool = True
    """Look for re-encoded copies of one picture. Of copies under one sitter one is used, and what would straddle a
    border is left out. The same file twice is found in any case."""

    @model_validator(mode="after")
    def _shares_fit(self) -> ByImage:
        _check_shares(self.test, self.val)
        return self


class Listed(Strict):
    """All images are for testing, in the pairs that the data set comes with (its manifest's column `pairs`)."""

    kind: Literal["pairs"]
    folds: Annotated[int, Field(ge=2)] = 10
    """Folds, of pairs that follow each other."""


Dealt = BySitter | ByImage
Split = Annotated[BySitter | Like | ByImage | Listed, Field(discriminator="kind")]
