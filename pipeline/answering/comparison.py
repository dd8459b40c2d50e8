"""The page for two compared faces, with a map of where each face speaks for one person; the page is self-contained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from pipeline.identification.verbal import verbal
from pipeline.reporting import album
from pipeline.reporting.album import picture, tinted
from pipeline.reporting.number_format import ratio
from pipeline.reporting.page_templates import templates

if TYPE_CHECKING:
    from pipeline.core.pixels import RGBImage

TEMPLATE, STYLES = "comparison.html.j2", ("page.css", "sheets.css")
STRONGEST = 99.0
"""The percentile of a map's values that gets the full colour."""


@dataclass(frozen=True, eq=False)
class ComparedFace:
    """A face that was compared."""

    name: str
    crop: RGBImage
    """uint8 [112, 112, 3]."""
    looks: NDArray[np.float32]
    """[112, 112], positive where the pixels speak for one person."""


def page(model: str, faces: Sequence[ComparedFace], score: float, log10_lr: float | None, note: str) -> str:
    """Return the page as HTML.

    Args:
        model: name of the model that compared them.
        faces: both faces.
        score: score of the pair.
        log10_lr: log10 of the pair's likelihood ratio; None where there is none.
        note: what the ratio was calibrated on, or why there is none.
    """
    folder = Path(__file__).parent
    strongest = float(np.percentile(np.abs(np.stack([face.looks for face in faces])), STRONGEST)) or 1.0
    shown = [
        (face.name, picture(f"face{n}", face.crop), picture(f"looks{n}", tinted(face.crop, face.looks / strongest)))
        for n, face in enumerate(faces)
    ]
    environment = templates(folder)
    css = "\n".join((Path(album.__file__).parent / style).read_text(encoding="utf-8") for style in STYLES)
    return environment.get_template(TEMPLATE).render(
        model=model,
        shown=shown,
        score=score,
        ratio=ratio(log10_lr),
        words="" if log10_lr is None else verbal(log10_lr),
        note=note,
        css=Markup(css),  # trusted: our own files
    )
