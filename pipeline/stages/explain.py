"""Stage `explain`: map which parts of a face a model looks at, in a few pairs of test images.

This is a stage of its own, with a job for each model, because a map takes hundreds of passes through a network. On a
cluster these belong on a GPU, and a new heading in the report must not repeat them; `evaluate` and `report` need no
network. A job depends on its own model, and on the embeddings of the first model under `explain.models`, which choose
the pairs. So training another model again leaves these maps as they are, and all models are shown on the same pairs.

The stage writes to attributions/MODEL/: `pairs.csv` (the pairs with this model's cosines) and `maps.arrow` (pair, side,
and the map float32 [112 × 112]: how much each pixel raises or lowers the cosine).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core.errors import SitterError
from pipeline.core.files import output_folder
from pipeline.core.layout import Layout
from pipeline.core.progress import progress
from pipeline.store.attributions import ExplainedPair, write_attributions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pipeline.metrics.result import Embedded
    from pipeline.models.load import Embedder
    from pipeline.params import Study
    from pipeline.params.explain import Explain
    from pipeline.store.faces import FacesById

logger = logging.getLogger(__name__)

SORTS = ("hardest_genuine", "hardest_impostor", "easiest_genuine")


@dataclass(frozen=True)
class ChosenPair:
    """Two images, by data set and image id."""

    sort: str
    rank: int
    probe: tuple[str, str]
    gallery: tuple[str, str]


def run(study: Study, model: str, root: Path = Path()) -> None:
    """Write `attributions/<model>/`.

    Raises:
        SitterError: the model is not under `explain.models`, there are no pairs, or an input is absent.
    """
    from pipeline.models.device import device
    from pipeline.models.load import load_model
    from pipeline.store.faces import FacesById

    if study.explain is None or model not in study.explain.models:
        raise SitterError(f"{model} is not under explain.models: add it there.")
    at = Layout.of(study, root)
    pairs = chosen(study, study.explain, at)
    embedder = load_model(model, at, device())
    faces = FacesById({dataset for pair in pairs for dataset, _ in (pair.probe, pair.gallery)}, at)
    rows: list[ExplainedPair] = []
    maps: list[NDArray[np.float32]] = []
    for n, pair in enumerate(progress(pairs, f"explain {model}", len(pairs), "pair")):
        score, both = explained(embedder, faces, pair, study.explain, study.embed.batch)
        maps += both
        (probe_dataset, probe), (gallery_dataset, gallery) = pair.probe, pair.gallery
        rows.append(ExplainedPair(n, pair.sort, pair.rank, probe, gallery, probe_dataset, gallery_dataset, score))
    with output_folder(at.attributions(model)) as folder:
        write_attributions(folder, rows, maps)
    logger.info(f"{model}: {len(pairs)} pairs explained by {study.explain.method}")


def chosen(study: Study, explain: Explain, at: Layout) -> list[ChosenPair]:
    """Return the hardest and easiest pairs by the first model, for each of `SORTS`; a sort has no image twice."""
    import numpy as np

    from pipeline.core.numbers import unit
    from pipeline.metrics.pairing import Pairing, extremes

    across = explain.gallery not in (None, explain.probe)
    gallery = explain.gallery if across else None
    shared = _shared(study, explain.probe, gallery, at) if gallery else {}
    probe = _tested(study, explain.models[0], explain.probe, shared, at)
    pairing = Pairing(probe, _tested(study, explain.models[0], gallery, shared, at) if gallery else None)
    if not pairing.size:
        raise SitterError(
            f"explain: there is no pair of test images of {explain.probe} to explain: give it test sitters (split), or "
            "name another data set in explain.probe."
        )
    rows, columns = pairing.pairs()
    scores = np.einsum("nd,nd->n", unit(pairing.probe.vectors)[rows], unit(pairing.columns.vectors)[columns])
    same = pairing.numbers[0][rows] == pairing.numbers[1][columns]
    many = 8 * explain.pairs
    found = extremes(scores, np.flatnonzero(same), np.flatnonzero(~same), lambda n: (rows[n], columns[n]), many, {})
    pairs = []
    for sort in SORTS:
        seen: set[tuple[str, str]] = set()
        for example in found[sort]:
            a = probe.dataset, probe.image_ids[example.row]
            b = pairing.columns.dataset, pairing.columns.image_ids[example.column]
            if len(seen) < 2 * explain.pairs and not {a, b} & seen:
                seen |= {a, b}
                pairs.append(ChosenPair(sort, len(seen) // 2, a, b))
    return pairs


def _shared(study: Study, probe: str, gallery: str, at: Layout) -> Mapping[str, str]:
    """Return one name for each other name of a picture that both data sets hold; nothing if `render` painted one."""
    from pipeline.splits.pictures import across
    from pipeline.store.splits import each_seated

    if {probe, gallery} & study.render.keys():
        return {}
    by_id = {dataset: {image.image_id: image for image in each_seated(dataset, at)} for dataset in (probe, gallery)}
    return across(study, by_id, [(probe, gallery)], at)


def _tested(study: Study, model: str, dataset: str, shared: Mapping[str, str], at: Layout) -> Embedded:
    from pipeline.metrics.result import Embedded
    from pipeline.splits.pictures import picture_names, shown
    from pipeline.store.embeddings import read_embeddings
    from pipeline.store.overlaps import read_excluded
    from pipeline.store.splits import TESTED, each_seated

    own = study.training(model).fold  # a model that leaves out a fold was trained on the other folds
    left_out = read_excluded(study.excluding(dataset), at)
    images = [image for image in each_seated(dataset, at) if image.subset in TESTED]
    images = [image for image in images if own in (None, image.fold) and image.image_id not in left_out]
    ids = [image.image_id for image in images]
    vectors = read_embeddings(model, dataset, at).select(ids, f"embeddings/{model}/{dataset}")
    name = picture_names(study, dataset, at)
    origins = [shared.get(picture, picture) for picture in (shown(name, image) for image in images)]
    return Embedded(dataset, ids, [image.sitter for image in images], origins, vectors)


def explained(
    embedder: Embedder, faces: FacesById, pair: ChosenPair, explain: Explain, batch: int
) -> tuple[float, list[NDArray[np.float32]]]:
    """Return the model's cosine of a pair and two maps, float32 [112, 112], one for each face.

    The map of a face is made while the other face stays unchanged.
    """
    from pipeline.models.attribution import gradient, occlusion, vector

    both = [faces.crop(*image) for image in (pair.probe, pair.gallery)]
    vectors = [vector(embedder, *face) for face in both]
    maps = []
    for face, other in zip(both, vectors[::-1], strict=True):
        if explain.method == "occlusion":
            maps.append(occlusion(embedder, *face, other, explain.patch, explain.stride, batch))
        else:
            maps.append(gradient(embedder, *face, other, explain.steps, batch)[0])
    return float(vectors[0] @ vectors[1]), maps
