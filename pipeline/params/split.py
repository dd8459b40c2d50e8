"""Section `split`: which sitters (or images) train, validate and test, with an entry for each data set."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.core.registry import Strict


def _check_shares(test: float, val: float) -> None:
    if test + val > 1 + 1e-9:
        raise ValueError(f"test {test:g} and val {val:g} are more than 1 together; the rest is for train")


class BySitter(Strict):
    """Sitters are assigned to train, val and test at random (seeded); no sitter is in two of them."""

    kind: Literal["sitters"]
    test: Annotated[float, Field(ge=0, le=1)]
    """Share of the sitters for testing."""
    val: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the sitters for choosing epochs and weights."""
    folds: Annotated[int, Field(ge=2)] = 10
    """Number of folds, by sitter."""
    near_duplicates: bool = True
    """Look for re-encoded copies of one picture. If one sitter has several copies, one of them is used; sitters who
    share a picture are kept together. Files that are equal byte by byte are found in any case."""
    artists: Literal["ignore", "join", "drop"] = "ignore"
    """Keep each artist in one subset, since models take one painter's hand for one sitter. join: sitters who share an
    artist are assigned together. drop: an artist's images stay where most of them are; the others are unused."""
    unknown_artists: tuple[str, ...] = ()
    """Further words in the column artist that name nobody, in addition to the built-in words and to `nobody`."""

    @model_validator(mode="after")
    def _shares_fit(self) -> BySitter:
        _check_shares(self.test, self.val)
        return self


class Like(Strict):
    """Sitters (or photographs) are split as in another data set; these images are renderings of its images."""

    kind: Literal["like"]
    dataset: str
    """The data set under `split` to follow."""
    near_duplicates: bool = True
    """Look for re-encoded copies of one picture. If one sitter has several copies, one of them is used; copies that
    would be in two subsets are left out. Files that are equal byte by byte are found in any case."""


class ByImage(Strict):
    """Each sitter's images are assigned to train, val and test (seeded): all sitters are known from training."""

    kind: Literal["images"]
    test: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the images for testing."""
    val: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the images for choosing epochs and weights."""
    folds: Annotated[int, Field(ge=2)] = 10
    """Number of folds, by image."""
    of_each_sitter: bool = False
    """true: apply the shares to each sitter's images, rounded down, but give each subset at least one image while
    another is left for train. false: assign each image by itself, so that the shares hold on average, and no image
    moves when others are added."""
    near_duplicates: bool = True
    """Look for re-encoded copies of one picture. If one sitter has several copies, one of them is used; copies that
    would be in two subsets are left out. Files that are equal byte by byte are found in any case."""

    @model_validator(mode="after")
    def _shares_fit(self) -> ByImage:
        _check_shares(self.test, self.val)
        return self


class Listed(Strict):
    """All images are for testing, in the pairs that the data set comes with (its manifest's column `pairs`)."""

    kind: Literal["pairs"]
    folds: Annotated[int, Field(ge=2)] = 10
    """Number of folds, each of consecutive pairs."""


Dealt = BySitter | ByImage
Split = Annotated[BySitter | Like | ByImage | Listed, Field(discriminator="kind")]
