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
    """The data set with the images to paint."""
    strength: Annotated[float, Field(ge=0, le=1)] = 0.75
    """How far a painting departs from the photograph. 0: not at all; 0.75: about as hard to recognise as a real
    portrait; 1: as far as the styles go."""
    renderings: Annotated[int, Field(ge=1, le=64)] = 1
    """Number of paintings of each image, each with its own seed and style."""
    styles: Annotated[tuple[Style, ...], Field(min_length=1)] = ALL_STYLES
    """Styles to choose from: the renderings of a photograph differ in style as long as there are enough styles."""
    face: Annotated[float, Field(gt=0, le=1)] = 0.8
    """Height of a face as a share of the photograph's height: it scales brushes and errors of drawing."""
    margin: Annotated[float, Field(ge=0, le=0.5)] = 0.12
    """Width of canvas added around the photograph, as a share of its long side; 0 if the head has room around it."""
