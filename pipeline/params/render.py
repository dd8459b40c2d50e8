"""Section `render`: data sets made by painting another data set."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipeline.kinds import Strict

Style = Literal["oil", "strokes", "fresco", "engraving", "chalk", "miniature", "kuwahara", "impasto"]
ALL_STYLES: tuple[Style, ...] = ("oil", "strokes", "fresco", "engraving", "chalk", "miniature", "kuwahara", "impasto")


class Render(Strict):
    """A painted data set."""

    dataset: str
    """The data set whose images are painted."""
    strength: Annotated[float, Field(ge=0, le=1)] = 0.75
    """0: the photograph; 1: as far from it as the styles go."""
    renderings: Annotated[int, Field(ge=1, le=64)] = 1
    """Paintings made of each image, each with its own seed and style."""
    styles: tuple[Style, ...] = ALL_STYLES
    """Styles to draw from."""
