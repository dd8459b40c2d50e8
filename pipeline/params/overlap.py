"""Section `overlap`: whether test sets share sitters or pictures with training sets, a test set an entry."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipeline.core.registry import Strict


class Overlap(Strict):
    """What the test images of one data set share with the training images of others."""

    train: Annotated[tuple[str, ...], Field(min_length=1)]
    """Data sets whose train and val images count as known."""
    test: str
    """The data set that is tested on."""
    model: str | None = None
    """Model or fusion that finds sitters under other names by its embeddings; null: only equal names are found."""
    far: Annotated[float, Field(gt=0, lt=1)] = 1e-4
    """False accept rate among the test sitters at which two sitters count as one person, if their embeddings say so."""
    exclude: Literal["nothing", "images", "sitters"] = "nothing"
    """What no benchmark counts and `explain` does not show: near-duplicates of training images, or all images of the
    shared sitters as well."""
