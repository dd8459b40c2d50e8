"""Section `overlap`: whether test sets share sitters or pictures with training sets; each entry is a test set."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipeline.core.registry import Strict


class Overlap(Strict):
    """Search for what the test images of one data set share with the training images of others."""

    train: Annotated[tuple[str, ...], Field(min_length=1)]
    """Data sets with the train and val images that count as known."""
    test: str
    """The data set with the test images."""
    model: str | None = None
    """Model or fusion that finds sitters under other names by embeddings; null: find only equal names."""
    far: Annotated[float, Field(gt=0, lt=1)] = 1e-4
    """False accept rate among the test sitters; its threshold decides when two sitters count as one person."""
    exclude: Literal["nothing", "images", "sitters"] = "nothing"
    """Test images that all benchmarks and `explain` leave out: near-duplicates of training images, or all images of the
    shared sitters as well."""
