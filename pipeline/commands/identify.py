"""For pictures of your own, instead of a question: `sitter identify PICTURE… --gallery DATASET|FOLDER --model NAME`.

The gallery is a data set of the study, a question of its params.yaml, or a folder of pictures (SITTER/picture.jpg, or
one picture for each sitter, named after the sitter). Without --model, a built-in recogniser compares, which needs no
study. If a name is both an entry under identify and a file, it is refused; write ./NAME for the file.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core.errors import SitterError

if TYPE_CHECKING:
    from pipeline.answering.gallery import Gallery, PictureAnswer
    from pipeline.identification.answer import Candidate

logger = logging.getLogger(__name__)


def run(
    named: Sequence[Path],
    *,
    asked: Sequence[str],
    gallery: str,
    model: str = "",
    align: str = "",
    json: bool = False,
    html: Path | None = None,
    one_face: bool = False,
    like: str = "",
    prior: float | None = None,
    candidates: int | None = None,
    weights: Path | None = None,
) -> None:
    """Print who may be on some pictures.

    Args:
        named: the params files that were named.
        asked: pictures, or folders of pictures.
        gallery: a data set, a question or a folder.
        model: name of the model that compares; empty: the built-in one.
        align: the entry under `align` that says how faces are found; empty: the entry of the study's first data set.
        json: print a JSON object for each picture, and nothing else.
        html: file to which a page with the pictures is written.
        one_face: answer only for the face of each picture that `align` would take.
        like: a data set with portraits that resemble the pictures.
        prior: probability that the sitter is in the gallery.
        candidates: number of candidates to list.
        weights: folder with the built-in model's weights.

    Raises:
        SitterError: a file or name does not exist, or pictures cannot be read.
    """
    pictures = _pictures(asked)
    if not gallery:
        raise SitterError(
            "--gallery is missing: name portraits with known sitters, either a data set of the study or a folder of "
            "pictures (SITTER/picture.jpg)."
        )
    if prior is not None and not 0 < prior < 1:
        raise SitterError(f"--prior is {prior:g}; a probability between 0 and 1 is expected, such as 0.5.")
    if candidates is not None and not 1 <= candidates <= 100:
        raise SitterError(f"--candidates is {candidates}; a number from 1 to 100 is expected.")
    if html is not None and not html.absolute().parent.is_dir():
        raise SitterError(f"--html is {html}, but the folder {html.parent} does not exist: make it first.")
    if not model and not Path(gallery).expanduser().is_dir():
        raise SitterError(
            f"--gallery is {gallery}, and there is no such folder. If it is a data set of the study, name the model "
            "that compares, too: --model NAME."
        )
    from pipeline.answering.opening import opened

    study, compared_by = opened(named, model, align, weights, like)
    among = study.gallery(gallery, compared_by, like=like, prior=prior, candidates=candidates)
    logger.info(f"{len(among)} portraits of {len(among.sitters)} sitters, compared by {compared_by.name}; {among.note}")
    found, unread = [], []
    for picture in pictures:
        try:
            answer = among.identify(picture, every_face=not one_face)
        except SitterError as error:
            unread.append(str(error))
            continue
        if not answer.faces:
            logger.warning(f"{picture}: no face was found")
        found.append(answer)
        print(_line(answer) if json else "\n".join(_table(answer, among)), flush=True)
    if html is not None:
        html.write_text(among.page(found), encoding="utf-8")
        logger.info(f"look at {html}")
    if unread:
        raise SitterError("\n".join(unread))


def _line(answer: PictureAnswer) -> str:
    return json.dumps(answer.record(), ensure_ascii=False, allow_nan=False)


def _pictures(asked: Sequence[str]) -> list[Path]:
    """Return the pictures that are named; pictures in a folder come in natural order."""
    from pipeline.answering.folder_gallery import pictures_in

    found: list[Path] = []
    for word in asked:
        path = Path(word).expanduser()
        if path.is_dir():
            inside = pictures_in(path)
            if not inside:
                raise SitterError(f"{word} is a folder without pictures: name a folder with pictures, or a picture.")
            found += [path / p for p in inside]
        elif path.exists():
            found.append(path)
        else:
            raise SitterError(f"{word} does not exist: name a picture, a folder of pictures, or a question alone.")
    return found


def _table(answer: PictureAnswer, gallery: Gallery) -> list[str]:
    """Return the lines that are printed for a picture: a row for each candidate, then the cautions."""
    from pipeline.reporting.number_format import percent
    from pipeline.reporting.tables import aligned

    lines = [] if answer.faces else [f"{answer.picture}: no face was found"]
    for number, one in enumerate(answer.faces, start=1):
        of = f", face {number} of {len(answer.faces)}" if len(answer.faces) > 1 else ""
        x0, y0, x1, y1 = one.face.box
        lines.append(f"{answer.picture}{of} (box {x0:.0f} {y0:.0f} {x1:.0f} {y1:.0f})")
        rows = [("candidate", "score", "ratio", "posterior", "evidence", "reference")]
        for candidate in one.candidates:
            reference = candidate.reference
            where = "" if reference is None else answer.references[reference[:2]]
            score = "" if candidate.score is None else f"{candidate.score:.3f}"
            posterior = "" if candidate.posterior is None else percent(candidate.posterior)
            rows.append((candidate.sitter, score, *_evidence(candidate, posterior), where))
        if one.none is not None and one.none.posterior is not None:
            rows.append(("none of these", "", *_evidence(one.none, percent(one.none.posterior)), ""))
        lines += [f"  {line}" for line in aligned(rows)]
        lines += [f"  {sitter}: {caution}." for sitter, caution in gallery.cautions(answer, one)]
    return lines


def _evidence(candidate: Candidate, posterior: str) -> tuple[str, str, str]:
    from pipeline.identification.sheets import words
    from pipeline.reporting.number_format import ratio

    return ratio(candidate.log10_lr), posterior, words(candidate)
