"""Stage `align`: find, choose and crop the face of every image of a data set, and account for each image.

The stage reads `data/raw/<dataset>/` and writes the face store and `faces.csv` to `data/faces/<dataset>/`. Several
processes that a launcher has started together share the images among them; the first process joins their results.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.core.errors import SitterError
from pipeline.core.files import MANIFEST, output_folder, sha256
from pipeline.core.layout import Layout
from pipeline.core.own_files import located
from pipeline.core.parallel import cores, in_order, rank_and_world, share
from pipeline.core.progress import progress
from pipeline.plan.fingerprint import code
from pipeline.store.accounts import (
    ALIGNED,
    DROPPED,
    NO_FACE,
    UNREADABLE,
    ImageAccount,
    account_file,
    account_writer,
    doubtful_file,
)
from pipeline.store.columns import FOUND, kept_as
from pipeline.store.raw import RawImage, each_raw, manifest_file, raw_ids

if TYPE_CHECKING:
    from pipeline.faces.aligner import AlignedImage
    from pipeline.faces.corrections import Correction
    from pipeline.params import Study
    from pipeline.reporting.doubtful_faces import Doubtful
    from pipeline.store.faces import StoredFace

logger = logging.getLogger(__name__)

CHUNK = 16


def run(study: Study, dataset: str, root: Path = Path()) -> None:
    """Align one data set.

    Raises:
        SitterError: the images are not there yet, none of them gave a face, or the corrections do not fit the images.
    """
    at = Layout.of(study, root)
    raw, settings = at.raw(dataset), study.align[dataset].model_dump()
    images = range(_count(dataset, at))
    corrections = _corrections(study, dataset, at)
    rank, world = rank_and_world()
    mine = share(images, rank, world)
    make = partial(_aligner, raw, settings, corrections, at)
    workers = min(cores(), -(-len(mine) // CHUNK))
    outcomes: Iterable[AlignedImage] = in_order(make, _delivered(dataset, mine, at), workers, CHUNK)
    if rank == 0:
        outcomes = progress(outcomes, f"align {dataset}", len(mine))
    if world > 1:
        from pipeline.faces.parts import joined

        parts = [_parts(study, dataset, at) / f"{part + 1}-of-{world}" for part in range(world)]
        if not (parts[rank] / MANIFEST).exists():
            with output_folder(parts[rank]) as folder:
                _write(folder, zip(_delivered(dataset, mine, at), outcomes, strict=True))
        if rank:
            return
        outcomes = joined(parts)
    from pipeline.reporting.doubtful_faces import Doubtful

    doubtful = Doubtful(study.align[dataset].doubtful)
    with output_folder(at.faces(dataset)) as folder:
        tally, reasons = _write(folder, zip(_delivered(dataset, images, at), outcomes, strict=True), doubtful.add)
        if not tally[ALIGNED]:
            common = "; ".join(f"{n} × {reason}" for reason, n in reasons.most_common(3))
            raise SitterError(
                f"align: none of the {len(images)} images of {dataset} gave a face: {common}. Look at the images in "
                f"{raw}, or try other scales, sides or detectors under align.{dataset}."
            )
        doubtful.write(folder, dataset, raw, study.align[dataset].max_megapixels, study.align[dataset].corrections)
    shutil.rmtree(_parts(study, dataset, at).parent, ignore_errors=True)
    _summarise(dataset, tally, study.align[dataset].choose, doubtful, at)


def _parts(study: Study, dataset: str, at: Layout) -> Path:
    """Return the folder of the parts until they are joined; other images, settings or code have another folder."""
    settings = study.align[dataset]
    of = {
        "images": sha256(manifest_file(dataset, at)),
        "settings": settings.model_dump(mode="json"),
        "corrections": sha256(at.root / located(settings.corrections)) if settings.corrections else "",
        "code": code("align", *sorted({f"detectors/{detector.kind}" for detector in settings.detectors})),
    }
    key = hashlib.sha256(json.dumps(of, sort_keys=True).encode()).hexdigest()[:16]
    return at.checkpoints(f"align--{dataset}") / key


def _count(dataset: str, at: Layout) -> int:
    """Return the number of images in a raw manifest; raises SitterError where an id stands in several rows."""
    import pyarrow.compute as pc

    manifest = manifest_file(dataset, at)
    if next(each_raw(dataset, at), None) is None:
        raise SitterError(f"{manifest} names no images: check the entry under download.")
    ids = raw_ids(dataset, at)
    times = ids.value_counts()
    twice = times.filter(pc.greater(times.field("counts"), 1))
    if len(twice):
        raise SitterError(
            f"{manifest}: image_id {twice[0]['values'].as_py()!r} stands in several rows ({len(twice)} such): name it "
            "once."
        )
    return len(ids)


def _delivered(dataset: str, images: Sequence[int], at: Layout) -> Iterator[RawImage]:
    """Yield consecutive images of a raw manifest, read only when they are needed: there may be millions."""
    return islice(each_raw(dataset, at), images[0], images[-1] + 1) if images else iter(())


def _corrections(study: Study, dataset: str, at: Layout) -> dict[str, Correction]:
    """Return a human's corrections of single images, by image id."""
    settings = study.align[dataset]
    if settings.corrections is None:
        return {}
    from pipeline.faces.corrections import read_corrections

    file, field = at.root / located(settings.corrections), f"align.{dataset}.corrections"
    if file.resolve().is_relative_to(at.faces(dataset).resolve()):
        raise SitterError(
            f"{field} is {file}, in the folder that align replaces: keep it elsewhere, beside params.yaml."
        )
    return read_corrections(file, field, each_raw(dataset, at), at.raw(dataset), settings.max_megapixels)


def _aligner(
    raw: Path, settings: Mapping[str, Any], corrections: Mapping[str, Correction], at: Layout
) -> Callable[[RawImage], AlignedImage]:
    """Make the aligner. Each worker calls this, so that the main process loads neither OpenCV nor a network."""
    from pipeline.faces.aligner import Aligner

    return Aligner(raw, settings, at, corrections)


def _write(
    folder: Path,
    outcomes: Iterator[tuple[RawImage, AlignedImage]],
    look: Callable[[ImageAccount], None] = lambda image: None,
) -> tuple[Counter[str], Counter[str]]:
    """Write the store and the account as the outcomes arrive; `look` is called with each image in the account.

    Returns:
        The number of images with each status, and the number with each reason for which there is no face.
    """
    from pipeline.store.faces import write_faces

    tally: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    first = next(outcomes, None)  # a process may have no images at all
    with account_writer(folder, _carried(first[0]) if first else ()) as write:

        def faces() -> Iterator[StoredFace]:
            for given, outcome in chain([first] if first else [], outcomes):
                image = outcome.account
                write(image, _carried(given))
                look(image)
                tally[image.status] += 1
                tally["several"] += image.faces > 1
                tally["half"] += "half a face" in image.reason
                tally["corrected"] += image.corrected in ("box", "landmarks")
                if outcome.face is None:
                    reasons[image.reason] += 1
                else:
                    yield outcome.face

        write_faces(folder, faces())
    return tally, reasons


def _carried(given: RawImage) -> dict[str, str]:
    """Return the further columns of an image from its source, renamed where the account has a column of that name."""
    carried = given.carried
    kept = _kept(tuple(carried))
    return {kept[name]: value for name, value in carried.items()}


@cache
def _kept(columns: tuple[str, ...]) -> dict[str, str]:
    """Return the name under which the account keeps each further column of a manifest."""
    return kept_as(columns, FOUND)


def _summarise(dataset: str, tally: Counter[str], choose: str, doubtful: Doubtful, at: Layout) -> None:
    """Log the number of images with each status, and the files that list them."""
    statuses = (ALIGNED, NO_FACE, UNREADABLE, DROPPED)
    images = sum(tally[status] for status in statuses)
    parts = [f"{images} images", f"{tally[ALIGNED]} {ALIGNED}"]
    parts += [f"{tally[status]} {status.replace('_', ' ')}" for status in statuses[1:] if tally[status]]
    logger.info(f"{dataset}: {', '.join(parts)}")
    notes = [f"{tally['corrected']} corrected by hand"] if tally["corrected"] else []
    if tally["several"]:
        notes.append(f"{tally['several']} with several faces (choose: {choose})")
    if tally["half"]:
        notes.append(f"{tally['half']} half a face")
    if notes or tally[ALIGNED] < images:
        logger.info(f"{dataset}: {'; '.join([*notes, 'each image is accounted for'])} in {account_file(dataset, at)}")
    if doubtful.unreadable:
        more = " …" if tally[UNREADABLE] > len(doubtful.unreadable) else ""
        logger.info(f"{dataset}: unreadable, to be replaced or dropped: {'; '.join(doubtful.unreadable)}{more}")
    if doubtful.total:
        logger.info(f"{dataset}: {doubtful.total} doubtful, to be looked at in {doubtful_file(dataset, at)}")
