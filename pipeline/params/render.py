"""Section `render`: data sets made by painting another data set."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipeline.core.registry import Strict

Style = Literal["oil", "impasto", "fresco", "miniature", "watercolour", "chalk", "engraving", "woodcut"]
ALL_STYLES: tuple[Style, ...] = (
    "oil",
    "impasto",
    "fresco",
    "miniature",
    "watercolour",
    "chalk",
    "engraving",
    "woodcut",
)


class Render(Strict):
    """A painted data set."""

    dataset: str
    """The data set whose images are painted."""
    strength: Annotated[float, Field(ge=0, le=1)] = 0.75
    """0: the photograph; 0.75: about as hard to recognise as a real portrait; 1: as far as the styles go."""
    renderings: Annotated[int, Field(ge=1, le=64)] = 1
    """Paintings made of each image, each with its own seed and style."""
    styles: Annotated[tuple[Style, ...], Field(min_length=1)] = ALL_STYLES
    """Styles to deal from: a photograph's renderings differ in style as long as there are enough."""
    face: Annotated[float, Field(gt=0, le=1)] = 0.8
    """Height of a face as a share of the photograph's: brushes and errors of drawing have the face's measure."""
    margin: Annotated[float, Field(ge=0, le=0.5)] = 0.12
    """Canvas added around the photograph, as a share of its long side; 0 where there is room around the head."""
