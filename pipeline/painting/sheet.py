"""The contact sheet shows the styles and strengths on photographs of the data set itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from pipeline.painting import mount, paint

ROWS = 3  # rows of sitters in all styles
STRENGTHS = (0.25, 0.5, 1.0)  # the last sitter is shown in all styles at these, beside the study's own strength
# In pixels: height of a picture, gap between pictures, height of the title row, width of the labels.
HEIGHT, GAP, HEAD, SIDE = 232, 8, 46, 150
PAPER, INK, GREY = (250, 248, 243), (40, 36, 32), (128, 120, 110)

RGBImage = NDArray[np.uint8]


def contact_sheet(
    path: Path,
    photographs: Sequence[tuple[str, RGBImage]],
    seeds: Sequence[Sequence[int]],
    styles: Sequence[str],
    strength: float,
    margin: float,
    face: float,
) -> None:
    """Write a labelled PNG: a row for each photograph, a column for each style, then rows of further strengths.

    Args:
        path: file to write.
        photographs: label and image (uint8 RGB [h, w, 3]) of each photograph.
        seeds: the seed of each photograph's painting in each style.
        styles: the styles in the columns.
        strength: the strength in the first rows.
        margin: see `mount`.
        face: see `paint`.
    """
    rows = [(label, strength, photo, given) for (label, photo), given in zip(photographs, seeds, strict=True)]
    label, photo = photographs[-1]
    rows += [(label, other, photo, seeds[-1]) for other in STRENGTHS if abs(other - strength) > 0.01]
    pictures = []
    for _, amount, photo, given in rows:
        canvas = mount(photo, margin, face)
        paintings = [
            paint(canvas, style, amount, seed, face=face, margin=margin)
            for style, seed in zip(styles, given, strict=True)
        ]
        pictures.append([_scaled(p) for p in (canvas, *paintings)])
    width = max(picture.width for row in pictures for picture in row)
    size = (SIDE + len(pictures[0]) * (width + GAP), HEAD + len(pictures) * (HEIGHT + GAP))
    sheet = Pillow.new("RGB", size, PAPER)
    draw, font, small = ImageDraw.Draw(sheet), ImageFont.load_default(19), ImageFont.load_default(15)
    for column, name in enumerate(("photograph", *styles)):
        x = SIDE + column * (width + GAP) + width // 2
        draw.text((x, HEAD // 2), name, INK, font, anchor="mm")
    for row, (label, amount, _, _) in enumerate(rows):
        y = HEAD + row * (HEIGHT + GAP)
        draw.text((14, y + HEIGHT // 2 - 12), _short(label), INK, small, anchor="lm")
        draw.text((14, y + HEIGHT // 2 + 12), f"strength {amount:g}", GREY, small, anchor="lm")
        for column, picture in enumerate(pictures[row]):
            sheet.paste(picture, (SIDE + column * (width + GAP) + (width - picture.width) // 2, y))
    sheet.save(path)


def _scaled(image: RGBImage) -> Pillow.Image:
    """Scale a picture to the height of a row."""
    width = max(round(image.shape[1] * HEIGHT / image.shape[0]), 1)
    return Pillow.fromarray(cv2.resize(image, (min(width, 2 * HEIGHT), HEIGHT), interpolation=cv2.INTER_AREA))


def _short(label: str) -> str:
    return label if len(label) <= 14 else f"…{label[-13:]}"
