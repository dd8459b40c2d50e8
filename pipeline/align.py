"""Stage `align`: find, choose and crop the face of every image of a data set, and account for each.

Reads `data/raw/<dataset>/`, writes the face store and `faces.csv` to `data/faces/<dataset>/`.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import paths
from pipeline.artifacts import output_folder, read_csv
from pipeline.errors import SitterError
from pipeline.parallel import cores, in_order
from pipeline.progress import progress

if TYPE_CHECKING:
    from pipeline.faces.aligner import Outcome
    from pipeline.faces.store import Face
    from pipeline.params import Study

GIVEN = ("image_id", "path", "sitter")
FOUND = ("status", "reason", "faces", "detector", "scale", "score", "x0", "y0", "x1", "y1", "width", "height")
CHUNK = 16


def run(study: Study, dataset: str) -> None:
    """Align one data set.

    Raises:
        SitterError: its images are not there yet, or none of them gave a face.
    """
    raw = paths.raw(dataset)
    rows = _images(raw / paths.MANIFEST)
    make = partial(_aligner, raw, study.align[dataset].model_dump())
    workers = min(cores(), -(-len(rows) // CHUNK))
    with output_folder(paths.faces(dataset)) as folder:
        outcomes = progress(in_order(make, rows, workers, CHUNK), f"align {dataset}", len(rows))
        tally = _write(folder, dataset, zip(rows, outcomes, strict=True))
    _summarise(dataset, tally, study.align[dataset].choose)


def _images(manifest: Path) -> list[dict[str, str]]:
    """Rows of a raw manifest, whose image ids must be unique."""
    rows = read_csv(manifest, GIVEN)
    if not rows:
        raise SitterError(f"{manifest} names no images: check the entry under download.")
    twice = [image_id for image_id, n in Counter(row["image_id"] for row in rows).items() if n > 1]
    if twice:
        raise SitterError(
            f"{manifest}: image_id {twice[0]!r} stands in several rows ({len(twice)} such): name it once."
        )
    return rows


def _aligner(raw: Path, settings: Mapping[str, Any]) -> Callable[[Mapping[str, str]], Outcome]:
    """Made in each worker, so that this process loads neither OpenCV nor a network."""
    from pipeline.faces.aligner import Aligner

    return Aligner(raw, settings)


def _write(folder: Path, dataset: str, outcomes: Iterable[tuple[dict[str, str], Outcome]]) -> Counter[str]:
    """The store and the account, written as the outcomes come; returns how many there were of each status."""
    from pipeline.faces.store import write_faces

    tally: Counter[str] = Counter()
    with open(folder / "faces.csv", "w", newline="", encoding="utf-8") as file:

        def faces() -> Iterator[Face]:
            writer = None
            for given, outcome in outcomes:
                row = outcome.row | _carried(given)
                if writer is None:
                    columns = [*GIVEN, *FOUND, *_carried(given)]
                    writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
                    writer.writeheader()
                writer.writerow(row)
                tally[row["status"]] += 1
                tally["several"] += row["faces"] > 1
                tally["half"] += "half a face" in row["reason"]
                if outcome.face is None:
                    reasons[row["reason"]] += 1
                else:
                    yield outcome.face

        reasons: Counter[str] = Counter()
        if not write_faces(folder, faces()):
            common = "; ".join(f"{n} × {reason}" for reason, n in reasons.most_common(3))
            raise SitterError(
                f"align: none of the {sum(reasons.values())} images of {dataset} gave a face: {common}. Look at the "
                f"images in {paths.raw(dataset)}, or try other scales, sides or detectors under align.{dataset}."
            )
    return tally


def _carried(given: Mapping[str, str]) -> dict[str, str]:
    """What the source knows of an image beside its name; where it uses one of our names, `raw_` goes before."""
    return {f"raw_{name}" if name in FOUND else name: value for name, value in given.items() if name not in GIVEN}


def _summarise(dataset: str, tally: Counter[str], choose: str) -> None:
    """How many of each, and where to read which."""
    images = sum(tally[status] for status in ("aligned", "no_face", "unreadable"))
    parts = [f"{images} images", f"{tally['aligned']} aligned"]
    parts += [f"{tally['no_face']} no face"] if tally["no_face"] else []
    parts += [f"{tally['unreadable']} unreadable"] if tally["unreadable"] else []
    print(f"{dataset}: {', '.join(parts)}")
    notes = []
    if tally["several"]:
        notes.append(f"{tally['several']} with several faces (choose: {choose})")
    if tally["half"]:
        notes.append(f"{tally['half']} half a face")
    if notes or tally["aligned"] < images:
        print(f"{dataset}: {'; '.join([*notes, 'each image is accounted for'])} in {paths.faces(dataset)}/faces.csv")
