"""Section `explain`: the parts of two faces that make a model take them for one person."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.core.registry import Strict


class Explain(Strict):
    """Attribution maps of a few pairs of test images, the same pairs for every model."""

    models: Annotated[tuple[str, ...], Field(min_length=1)]
    """Models to be explained (fusions cannot be, since they see no image); the first one's scores choose the pairs."""
    probe: str
    """Data set of the first image of a pair."""
    gallery: str | None = None
    """Data set of the second image; null: the same data set."""
    pairs: Annotated[int, Field(ge=1, le=20)] = 2
    """Number of pairs of each sort: hardest genuine, hardest impostor, easiest genuine."""
    method: Literal["occlusion", "gradient"] = "occlusion"
    """occlusion: hide one patch at a time (any model). gradient: integrate gradients (PyTorch models only)."""
    patch: Annotated[int, Field(ge=4, le=56)] = 16
    """Side of the hidden patch in pixels of the 112×112 crop."""
    stride: Annotated[int, Field(ge=1, le=56)] = 8
    """Pixels from one patch to the next."""
    steps: Annotated[int, Field(ge=8, le=512)] = 64
    """Number of steps of the integral, for `gradient`."""

    @model_validator(mode="after")
    def _patches_overlap(self) -> Explain:
        if self.stride > self.patch:
            raise ValueError(f"stride {self.stride} is more than patch {self.patch}: parts of the face stay unseen")
        return self
