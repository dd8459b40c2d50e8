"""Compare two pictures: `sitter compare A B --model NAME`.

The command compares the face of each picture that `align` would take. The likelihood ratio says how many times more
probable the score is if both pictures show one person than if they show two. It is calibrated on known sitters of the
study that the model was not trained on. --html writes a page with both faces and where the model looks. Without
--model, a built-in recogniser compares.
"""

from __future__ import annotations

import json as as_json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.core.errors import SitterError

if TYPE_CHECKING:
    from pipeline.answering.model import Comparison

logger = logging.getLogger(__name__)


def run(
    named: Sequence[Path],
    *,
    first: Path,
    second: Path,
    model: str = "",
    align: str = "",
    json: bool = False,
    html: Path | None = None,
    like: str = "",
    weights: Path | None = None,
) -> None:
    """Print how similar the faces of two pictures are.

    Args:
        named: the params files that were named.
        first, second: the pictures.
        model: name of the model that compares; empty: the built-in one.
        align: the entry under `align` that says how faces are found; empty: the entry of the study's first data set.
        json: print a JSON object, and nothing else.
        html: file to which a page with the faces is written.
        like: the ratio is calibrated on the pairs of this data set of the study; empty: of all data sets.
        weights: folder with the built-in model's weights.

    Raises:
        SitterError: a file or name does not exist, or a picture cannot be read or shows no face.
    """
    for picture in (first, second):
        if not picture.is_file():
            raise SitterError(f"{picture} {'is a folder' if picture.is_dir() else 'does not exist'}: name a picture.")
    if html is not None and not html.absolute().parent.is_dir():
        raise SitterError(f"--html is {html}, but the folder {html.parent} does not exist: make it first.")
    from pipeline.answering.opening import opened

    _, by = opened(named, model, align, weights, like)
    found = by.compare(first, second, datasets=[like] if like else [])
    print(as_json.dumps(_record(found), ensure_ascii=False) if json else "\n".join(_lines(found, by.name)))
    if html is not None:
        from pipeline.answering.comparison import ComparedFace, page

        maps = by.looks(found.first, found.second)
        shown = [
            ComparedFace(face.picture, face.crop, looks)
            for face, looks in zip((found.first, found.second), maps, strict=True)
        ]
        html.write_text(page(by.name, shown, found.score, found.log10_lr, found.note), encoding="utf-8")
        logger.info(f"look at {html}")


def _record(found: Comparison) -> dict[str, Any]:
    """Return the comparison as plain values."""
    ratio = found.likelihood_ratio
    return {
        "pictures": [
            {"picture": face.picture, "box": [round(side, 2) for side in face.box]}
            for face in (found.first, found.second)
        ],
        "score": round(found.score, 6),
        "likelihood_ratio": None if ratio is None else float(f"{ratio:.4g}"),
        "words": found.words,
        "note": found.note,
    }


def _lines(found: Comparison, model: str) -> list[str]:
    from pipeline.reporting.number_format import ratio

    lines = [f"score {found.score:.3f}, by {model}"]
    if found.log10_lr is None or found.bounds is None:
        return [*lines, f"no likelihood ratio: {found.note}"]
    lines.append(f"likelihood ratio {ratio(found.log10_lr)}: {found.words}")
    lines.append(f"{found.note}; they support ratios from {ratio(found.bounds[0])} to {ratio(found.bounds[1])}")
    return lines
