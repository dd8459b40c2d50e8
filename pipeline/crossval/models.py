"""Cross-validation of models: each image is embedded by the model that held out its fold."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import SitterError
from pipeline.core.files import output_folder
from pipeline.core.layout import Layout
from pipeline.core.numbers import Singles
from pipeline.params.fuse import without
from pipeline.store.embeddings import Embeddings, normalise, write_embeddings
from pipeline.store.models import write_record
from pipeline.store.splits import KNOWN, TESTED, each_seated, split_file
from pipeline.store.systems import FusionRecord

if TYPE_CHECKING:
    from pipeline.params import Study

logger = logging.getLogger(__name__)


class HeldOutEmbeddings:
    """Return each image's embedding by the model that held out this image's fold (`training.fold`).

    A model without a fold (a frozen one) embeds the images of all folds. With `centre`, the mean unit vector of the
    images of all other folds is subtracted, so that no test sitter influences the centre. Vectors of different folds
    are in different spaces, so benchmarks compare only images of the same fold (`within_folds: true`).
    """


def assemble(study: Study, name: str, at: Layout) -> None:
    """Assemble the vectors of a fusion of this kind: write `models/<name>/` and `embeddings/<name>/<dataset>/`."""
    from pipeline.store.embeddings import read_embeddings

    entry = study.fuse[name]
    made: dict[str, tuple[list[str], Singles]] = {}
    for dataset in study.embed.datasets:
        folds = folds_of(dataset, at)
        vectors: list[Singles] = []
        members = [without(study, entry.models, fold) for fold in range(1 + max(folds.values()))]
        tables = {model: read_embeddings(model, dataset, at) for model in dict.fromkeys(members)}
        for fold, model in enumerate(members):
            vectors.append(tested(tables[model], folds, fold, entry.centre))
        ids = [[i for i in tables[m].image_ids if folds.get(i) == fold] for fold, m in enumerate(members)]
        made[dataset] = [image_id for some in ids for image_id in some], np.concatenate(vectors)
    for dataset, (image_ids, values) in made.items():
        with output_folder(at.embeddings(name, dataset)) as folder:
            write_embeddings(folder, image_ids, values)
    dim = next(iter(made.values()))[1].shape[1]
    method = entry.method.model_dump(mode="json")
    with output_folder(at.model(name)) as folder:
        write_record(folder, FusionRecord(method=method, models=entry.models, centre=entry.centre, dim=dim))
    logger.info(f"{name}: {len(entry.models)} models, each applied to the fold that it held out; {', '.join(made)}")


def folds_of(dataset: str, at: Layout) -> dict[str, int]:
    """Return the fold of each test image.

    Raises:
        SitterError: the data set has train or val sitters, so it is not split into folds only.
    """
    rows = list(each_seated(dataset, at))
    if any(row.subset in KNOWN for row in rows):
        raise SitterError(
            f"{split_file(dataset, at)} has train or val sitters, but a cross-validated model needs data sets that are "
            f"split into folds only. Set split.{dataset}: test: 1, and a number of folds; or take {dataset} out of "
            "embed.datasets."
        )
    return {row.image_id: row.fold for row in rows if row.subset in TESTED}


def tested(table: Embeddings, folds: dict[str, int], fold: int, centre: bool) -> Singles:
    """Return the unit vectors of a fold's images, float32 [n, d]; with `centre`, centred on all other folds."""
    unit = normalise(table.vectors)
    of: NDArray[np.int64] = np.array([folds.get(image_id, -1) for image_id in table.image_ids])
    here: Singles = unit[of == fold]
    if not centre:
        return here
    middle = unit[(of != fold) & (of >= 0)].mean(0, dtype=np.float64).astype(np.float32)
    return normalise(here - middle)
