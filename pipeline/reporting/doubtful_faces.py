"""A page of the images that a human should check: no face, several faces, a low score, half a face, odd landmarks.

Each image is shown with a frame around the chosen face and numbered frames around other faces. Beside it are lines
that can be copied into the corrections file. The page is one file without links; equal input gives equal bytes.
"""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pipeline.core.parallel import cores, in_order
from pipeline.faces.corrections import COLUMNS
from pipeline.store.accounts import ALIGNED, DOUBTFUL, NO_FACE, UNREADABLE, ImageAccount

TEMPLATE = "doubtful_faces.html.j2"
SHOWN = 48
"""Largest number of images of each sort on the page; `faces.csv` has all."""
LONG = 260
"""Longer side of a picture on the page, in pixels."""
QUALITY = 80
NAMED = 5
CHUNK = 8
# One in thirty faces of frontal portraits has a larger misfit to the template (see `aligner.misfit`).
MISFIT = 10.0
# Smallest side of a face's box in pixels; below it, most of the crop's detail is made up by the enlargement.
SMALL = 20.0

NONE, SEVERAL, SURENESS, HALF, ODD, SMALL_FACE, FALLBACK = (
    "no face",
    "several faces",
    "a low score",
    "half a face",
    "landmarks far from a frontal face's",
    "a small face",
    "found by a later detector only",
)
SORTS = (NONE, SEVERAL, SURENESS, HALF, ODD, SMALL_FACE, FALLBACK)


@dataclass(frozen=True)
class RejectedFace:
    """A face that was not chosen: its box in pixels of the image, and the line of the corrections that chooses it."""

    box: tuple[float, ...]
    score: str
    line: str


@dataclass(frozen=True)
class DoubtfulImage:
    """An image on the page; `line` is the line of the corrections that drops it."""

    image_id: str
    sitter: str
    said: str
    box: tuple[float, ...] | None
    others: list[RejectedFace]
    line: str


def doubts(image: ImageAccount, score: float) -> list[str]:
    """Return what is doubtful about an image, the worst first; nothing if a human has corrected it.

    Args:
        image: the image in the account.
        score: faces with a lower detection score are doubtful.
    """
    if image.corrected or image.status not in (ALIGNED, NO_FACE):
        return []
    if image.status == NO_FACE:
        return [NONE]
    assert image.box is not None
    assert image.score is not None
    assert image.misfit is not None
    x0, y0, x1, y1 = image.box
    tests = {
        SEVERAL: image.faces > 1,
        SURENESS: image.score < score,
        HALF: "half a face" in image.reason,
        ODD: image.misfit > MISFIT,
        SMALL_FACE: min(x1 - x0, y1 - y0) < SMALL and image.detector != "aligned",
        FALLBACK: "found no face" in image.reason,
    }
    return [sort for sort, holds in tests.items() if holds]


class Doubtful:
    """Collector of doubtful images: it keeps the most doubtful ones of each sort, and writes the page."""

    def __init__(self, score: float) -> None:
        """Start without images; `score` is explained in `doubts`."""
        self.score = score
        self.counts = dict.fromkeys(SORTS, 0)
        self._kept: dict[str, list[tuple[float, int, ImageAccount, list[str]]]] = {sort: [] for sort in SORTS}
        self._seen = 0
        self.unreadable: list[str] = []
        """The first images that cannot be read, with the reason."""

    def add(self, image: ImageAccount) -> None:
        """Count one image, and keep it if it is among the most doubtful."""
        self._seen += 1
        if image.status == UNREADABLE and len(self.unreadable) < NAMED:
            self.unreadable.append(f"{image.path}: {image.reason}")
        found = doubts(image, self.score)
        if not found:
            return
        self.counts[found[0]] += 1
        kept = self._kept[found[0]]
        kept.append((image.score or 0.0, self._seen, image, found))
        if len(kept) >= 4 * SHOWN:
            self._kept[found[0]] = sorted(kept, key=lambda case: case[:2])[:SHOWN]

    @property
    def total(self) -> int:
        """Number of doubtful images, including the ones that are not shown."""
        return sum(self.counts.values())

    def write(self, folder: Path, dataset: str, raw: Path, max_megapixels: float, corrections: str | None) -> None:
        """Write `doubtful.html` into a folder; `raw` is the folder of the images."""
        from pipeline.reporting.page_templates import templates

        chosen = {sort: sorted(kept, key=lambda case: case[:2])[:SHOWN] for sort, kept in self._kept.items() if kept}
        images = [image for cases in chosen.values() for _, _, image, _ in cases]
        workers = min(cores(), -(-len(images) // (4 * CHUNK)))
        made = in_order(partial(_small, raw, max_megapixels), [image.path for image in images], workers, CHUNK)
        pictures = {image.image_id: picture for image, picture in zip(images, made, strict=True)}
        groups = [
            (sort, self.counts[sort], [(_case(image, found), pictures[image.image_id]) for _, _, image, found in cases])
            for sort, cases in chosen.items()
        ]
        environment = templates(Path(__file__).parent)
        page = environment.get_template(TEMPLATE).render(
            dataset=dataset,
            images=self._seen,
            total=self.total,
            score=self.score,
            groups=groups,
            corrections=corrections,
            header=",".join(COLUMNS),
        )
        (folder / DOUBTFUL).write_text(page, encoding="utf-8")


def _case(image: ImageAccount, found: list[str]) -> DoubtfulImage:
    box = image.box if image.status == ALIGNED else None
    others = [
        RejectedFace(tuple(map(float, corners.split())), score, _line(image.image_id, corners, "", ""))
        for corners, score in image.others
    ]
    said = [image.reason] if image.reason else []
    said += [] if image.score is None else [f"score {image.score}"]
    said += [sort for sort in found if sort in (ODD, SMALL_FACE)]
    return DoubtfulImage(
        image.image_id, image.sitter, "; ".join(said), box, others, _line(image.image_id, "", "", "drop")
    )


def _line(*cells: str) -> str:
    """Return a line of the corrections file."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue()


def _small(raw: Path, max_megapixels: float) -> Callable[[str], tuple[str, int, int, int, int]]:
    """Return a function for workers, which makes a small picture of the image at a path.

    The function returns a data URI, the picture's width and height, and the image's width and height.
    """
    from PIL import Image

    from pipeline.faces.image import read_image

    def make(path: str) -> tuple[str, int, int, int, int]:
        image = Image.fromarray(read_image(raw / path, max_megapixels))
        width, height = image.size
        image.thumbnail((LONG, LONG), Image.Resampling.BILINEAR, reducing_gap=2)
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=QUALITY)
        uri = "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
        return uri, *image.size, width, height

    return make
