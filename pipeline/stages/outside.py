"""Stage `outside`: check the file of an outside system, and convert its vectors or scores into Sitter's formats.

The stage reads `data/raw/ENTRY/` and `data/faces/`, and writes `models/SYSTEM/` and `embeddings/SYSTEM/DATASET/` (with
`embeddings.arrow` or `scores.arrow`). Every later stage treats an outside system like any other model.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core.errors import SitterError, nearest
from pipeline.core.files import output_folder, sha256
from pipeline.core.layout import Layout
from pipeline.store.faces import FaceStore
from pipeline.store.models import write_record
from pipeline.store.systems import OutsideRecord, WeightsFile
from pipeline.store.weights import weights_file

if TYPE_CHECKING:
    from pipeline.params import Study
    from pipeline.sources.outside.outside_file import OutsideFile

logger = logging.getLogger(__name__)
SHOWN = 8


def run(study: Study, system: str, root: Path = Path()) -> None:
    """Write `models/<system>/` and `embeddings/<system>/<dataset>/` for every data set under `embed.datasets`.

    Raises:
        SitterError: there is no such system, its file cannot be read, or faces are missing in it. The message names
            row and column, and says what to do.
    """
    at = Layout.of(study, root)
    if system not in study.outside:
        raise SitterError(f"there is no outside system {system!r} in the study; {nearest(system, study.outside)}")
    entry, datasets = study.outside[system], study.embed.datasets
    file = weights_file(entry.file, at)
    read: OutsideFile = entry.make(file)
    found = read.describe()
    for dataset in datasets:
        with output_folder(at.embeddings(system, dataset)) as folder:
            said = read.write(folder, dataset, FaceStore(at.faces(dataset)).image_ids, datasets)
        logger.info(f"{system} on {dataset}: {said}")
    weights = WeightsFile(file.name, file.stat().st_size, sha256(file))
    record = OutsideRecord(entry.model_dump(mode="json"), weights, found)
    with output_folder(at.model(system)) as folder:
        write_record(folder, record)
    logger.info(f"{system}: an outside system, {record.rows} rows in {file.name}")
    if left_out := record.left_out:
        names = ", ".join(map(repr, left_out[:SHOWN])) + (" …" if len(left_out) > SHOWN else "")
        logger.info(f"{system}: these columns of {file.name} are no part of a vector and were left out: {names}")
