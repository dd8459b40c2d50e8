"""Stage `align`: find, choose and crop the face of every image of a data set, and account for each.

Reads `data/raw/<dataset>/`, writes the face store and `faces.csv` to `data/faces/<dataset>/`. Several processes that a
launcher has started together share out the images; the first joins what they find.
"""

from __future__ import annotations

import csv
import hashlib
import json
import logging
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.core.errors import SitterError
from pipeline.core.files import each_row, output_folder, read_columns, read_csv, sha256
from pipeline.core.own_files import located
from pipeline.core.parallel import cores, in_order, rank_and_world, share
from pipeline.core.progress import progress
from pipeline.plan import layout
from pipeline.plan.fingerprint import code
from pipeline.store.accounts import ACCOUNT, account_file
from pipeline.store.columns import FOUND, kept_as

if TYPE_CHECKING:
    from pipeline.faces.aligner import Outcome
    from pipeline.faces.corrections import Correction
    from pipeline.params import Study
    from pipeline.reporting.doubtful_faces import Doubtful
    from pipeline.store.faces import Face

logger = logging.getLogger(__name__)

GIVEN = ("image_id", "path", "sitter")
CHUNK = 16


def run(study: Study, dataset: str) -> None:
    """Align one data set.

    Raises:
        SitterError: its images are not there yet, none of them gave a face, or the corrections do not fit them.
    """
    raw, settings = layout.raw(dataset), study.align[dataset].model_dump()
    images = range(_count(raw / layout.MANIFEST))
    corrections = _corrections(study, dataset)
    rank, world = rank_and_world()
    mine = share(images, rank, world)
    make = partial(_aligner, raw, settings, corrections)
    workers = min(cores(), -(-len(mine) // CHUNK))
    outcomes: Iterable[Outcome] = in_order(make, _rows(raw, mine), workers, CHUNK)
    if rank == 0:
        outcomes = progress(outcomes, f"align {dataset}", len(mine))
    if world > 1:
        from pipeline.faces.parts import joined

        parts = [_parts(study, dataset) / f"{part + 1}-of-{world}" for part in range(world)]
        if not (parts[rank] / layout.MANIFEST).exists():
            with output_folder(parts[rank]) as folder:
                _write(folder, zip(_rows(raw, mine), outcomes, strict=True))
        if rank:
            return
        outcomes = joined(parts)
    from pipeline.reporting.doubtful_faces import Doubtful

    doubtful = Doubtful(study.align[dataset].doubtful)
    with output_folder(layout.faces(dataset)) as folder:
        tally, reasons = _write(folder, zip(_rows(raw, images), outcomes, strict=True), doubtful.add)
        if not tally["aligned"]:
            common = "; ".join(f"{n} × {reason}" for reason, n in reasons.most_common(3))
            raise SitterError(
                f"align: none of the {len(images)} images of {dataset} gave a face: {common}. Look at the images in "
                f"{raw}, or try other scales, sides or detectors under align.{dataset}."
            )
        doubtful.write(folder, dataset, raw, study.align[dataset].max_megapixels, study.align[dataset].corrections)
    shutil.rmtree(_parts(study, dataset).parent, ignore_errors=True)
    _summarise(dataset, tally, study.align[dataset].choose, doubtful)


def _parts(study: Study, dataset: str) -> Path:
    """Where parts are kept until they are joined: of these images, settings and code and no other."""
    settings = study.align[dataset]
    of = {
        "images": sha256(layout.raw(dataset) / layout.MANIFEST),
        "settings": settings.model_dump(mode="json"),
        "corrections": sha256(located(settings.corrections)) if settings.corrections else "",
        "code": code("align", *sorted({f"detectors/{detector.kind}" for detector in settings.detectors})),
    }
    key = hashlib.sha256(json.dumps(of, sort_keys=True).encode()).hexdigest()[:16]
    return layout.checkpoints(f"align--{dataset}") / key


def _count(manifest: Path) -> int:
    """How many images a raw manifest names; each once."""
    import pyarrow.compute as pc

    if next(each_row(manifest, GIVEN), None) is None:
        raise SitterError(f"{manifest} names no images: check the entry under download.")
    ids = read_columns(manifest, ["image_id"])["image_id"]
    times = ids.value_counts()
    twice = times.filter(pc.greater(times.field("counts"), 1))
    if len(twice):
        raise SitterError(
            f"{manifest}: image_id {twice[0]['values'].as_py()!r} stands in several rows ({len(twice)} such): name it "
            "once."
        )
    return len(ids)


def _rows(raw: Path, images: Sequence[int]) -> Iterator[dict[str, str]]:
    """Rows of a raw manifest that follow each other, read as they are asked for: there may be millions."""
    return islice(each_row(raw / layout.MANIFEST), images[0], images[-1] + 1) if images else iter(())


def _corrections(study: Study, dataset: str) -> dict[str, Correction]:
    """What a human says of single images, by image id."""
    settings = study.align[dataset]
    if settings.corrections is None:
        return {}
    from pipeline.faces.corrections import read_corrections

    rows = read_csv(layout.raw(dataset) / layout.MANIFEST, GIVEN)
    file, field = located(settings.corrections), f"align.{dataset}.corrections"
    if file.resolve().is_relative_to(layout.faces(dataset).resolve()):
        raise SitterError(
            f"{field} is {file}, in the folder that align replaces: keep it elsewhere, beside params.yaml."
        )
    return read_corrections(file, field, rows, layout.raw(dataset), settings.max_megapixels)


def _aligner(
    raw: Path, settings: Mapping[str, Any], corrections: Mapping[str, Correction]
) -> Callable[[Mapping[str, str]], Outcome]:
    """Made in each worker, so that this process loads neither OpenCV nor a network."""
    from pipeline.faces.aligner import Aligner

    return Aligner(raw, settings, corrections)


def _write(
    folder: Path,
    outcomes: Iterable[tuple[dict[str, str], Outcome]],
    look: Callable[[dict[str, Any]], None] = lambda row: None,
) -> tuple[Counter[str], Counter[str]]:
    """The store and the account, written as the outcomes come; `look` sees each row of the account.

    Returns:
        How many there were of each status, and for which reasons images gave no face.
    """
    from pipeline.store.faces import write_faces

    tally: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    with open(folder / ACCOUNT, "w", newline="", encoding="utf-8") as file:

        def faces() -> Iterator[Face]:
            writer = None
            for given, outcome in outcomes:
                row = outcome.row | _carried(given)
                if writer is None:
                    columns = [*GIVEN, *FOUND, *_carried(given)]
                    writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
                    writer.writeheader()
                writer.writerow(row)
                look(row)
                tally[row["status"]] += 1
                tally["several"] += int(row["faces"]) > 1
                tally["half"] += "half a face" in row["reason"]
                tally["corrected"] += row.get("corrected") in ("box", "landmarks")
                if outcome.face is None:
                    reasons[row["reason"]] += 1
                else:
                    yield outcome.face

        write_faces(folder, faces())
    return tally, reasons


def _carried(given: Mapping[str, str]) -> dict[str, str]:
    """What the source knows of an image beside its name; what has the name of a column of ours gets another."""
    kept = _kept(tuple(given))
    return {kept[name]: value for name, value in given.items() if name in kept}


@cache
def _kept(columns: tuple[str, ...]) -> dict[str, str]:
    """Under which name each further column of a manifest is kept."""
    return kept_as([name for name in columns if name not in GIVEN], FOUND)


def _summarise(dataset: str, tally: Counter[str], choose: str, doubtful: Doubtful) -> None:
    """How many of each, and where to read which."""
    statuses = ("aligned", "no_face", "unreadable", "dropped")
    images = sum(tally[status] for status in statuses)
    parts = [f"{images} images", f"{tally['aligned']} aligned"]
    parts += [f"{tally[status]} {status.replace('_', ' ')}" for status in statuses[1:] if tally[status]]
    logger.info(f"{dataset}: {', '.join(parts)}")
    notes = [f"{tally['corrected']} corrected by hand"] if tally["corrected"] else []
    if tally["several"]:
        notes.append(f"{tally['several']} with several faces (choose: {choose})")
    if tally["half"]:
        notes.append(f"{tally['half']} half a face")
    if notes or tally["aligned"] < images:
        logger.info(f"{dataset}: {'; '.join([*notes, 'each image is accounted for'])} in {account_file(dataset)}")
    if doubtful.unreadable:
        more = " …" if tally["unreadable"] > len(doubtful.unreadable) else ""
        logger.info(f"{dataset}: unreadable, to be replaced or dropped: {'; '.join(doubtful.unreadable)}{more}")
    if doubtful.total:
        logger.info(f"{dataset}: {doubtful.total} doubtful, to be looked at in {layout.faces(dataset)}/doubtful.html")
