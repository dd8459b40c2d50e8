"""Stage `fuse`: fit a fusion to its models' embeddings, and apply it to all of them.

The stage reads `embeddings/MODEL/DATASET/` of each model and `data/splits/`, and writes `models/FUSION/` and
`embeddings/FUSION/DATASET/`: every later stage treats a fusion like any other model.
"""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core.errors import SitterError
from pipeline.core.files import output_folder
from pipeline.core.layout import Layout
from pipeline.store.models import write_record
from pipeline.store.splits import TESTED, sitters_of
from pipeline.store.subset_size import SubsetSize
from pipeline.store.systems import Fit, FusionRecord

if TYPE_CHECKING:
    from pipeline.core.numbers import Singles
    from pipeline.fusions.fit_data import FitData
    from pipeline.fusions.fused import Fused
    from pipeline.params import Study
    from pipeline.params.fuse import Fusion

logger = logging.getLogger(__name__)


def run(study: Study, fusion: str, root: Path = Path()) -> None:
    """Write `models/<fusion>/` and `embeddings/<fusion>/<dataset>/` for every data set under `embed.datasets`.

    Raises:
        SitterError: embeddings are absent, the models' embeddings are of different images, or there are too few images
            to fit on.
    """
    at = Layout.of(study, root)
    if fusion not in study.fuse:
        raise SitterError(f"fuse has no entry {fusion!r}; its entries: {', '.join(study.fuse) or 'none'}.")
    entry = study.fuse[fusion]
    if entry.method.kind == "folds":
        from pipeline.crossval.models import assemble

        assemble(study, fusion, at)
        return
    if entry.crossval:
        from pipeline.crossval.fusions import cross_fit

        cross_fit(study, fusion, at)
        return
    from pipeline.fusions.fit_data import FitData, fit, inputs, strangers_only, train_and_val
    from pipeline.splits.trained import tested_elsewhere

    tables = {dataset: inputs(entry.models, dataset, at) for dataset in study.embed.datasets}
    images = {dataset: train_and_val(dataset, at) for dataset in entry.fit_on}
    images = strangers_only(images, {dataset: tested_elsewhere(study, dataset, at) for dataset in images}, fusion)
    fit_data = FitData.of(tables, images, entry.models)
    fused = fit(fusion, entry, fit_data, study.seed_of(fusion))
    vectors = {dataset: fused.apply([e.vectors for e in own]) for dataset, own in tables.items()}
    ids = {dataset: own[0].image_ids for dataset, own in tables.items()}
    record = _describe(entry, fused, fit_data, next(iter(vectors.values())).shape[1])
    if entry.score_norm is None:
        _write(at, fusion, fused, record, {d: (ids[d], vectors[d]) for d in vectors})
    else:
        cohort, most = fused.apply(fit_data.vectors), entry.score_norm.cohort
        _write_scores(at, fusion, fused, record, {d: (ids[d], vectors[d]) for d in vectors}, cohort, most)
    logger.info(
        f"{fusion}: {_sentence(entry, record)}; {sum(map(len, vectors.values()))} faces of {', '.join(vectors)}"
    )


def _describe(entry: Fusion, fused: Fused, fit_data: FitData, dim: int) -> FusionRecord:
    """Return the record of the fusion."""
    counts = Counter(fit_data.subset)
    people = {word: {s for s, w in zip(fit_data.sitters, fit_data.subset, strict=True) if w == word} for word in counts}
    weights = fused.kind.state().get("weights")
    shares = None if weights is None else {m: round(float(w), 6) for m, w in zip(entry.models, weights, strict=True)}
    fitted = {word: SubsetSize(counts[word], len(people[word])) for word in sorted(counts)}
    return FusionRecord(
        method=entry.method.model_dump(mode="json"),
        models=entry.models,
        centre=entry.centre,
        dim=dim,
        fit_on=entry.fit_on,
        score_norm=entry.score_norm.model_dump() if entry.score_norm else None,
        weights=shares,
        fits=[Fit(fitted, shares, fused.kind.findings())],
    )


def _write(
    at: Layout, name: str, fused: Fused, record: FusionRecord, vectors: dict[str, tuple[list[str], Singles]]
) -> None:
    from pipeline.store.embeddings import write_embeddings

    for dataset, (image_ids, values) in vectors.items():
        with output_folder(at.embeddings(name, dataset)) as folder:
            write_embeddings(folder, image_ids, values)
    with output_folder(at.model(name)) as folder:
        fused.save(folder)
        write_record(folder, record)


def _write_scores(
    at: Layout,
    name: str,
    fused: Fused,
    record: FusionRecord,
    vectors: dict[str, tuple[list[str], Singles]],
    cohort: Singles,
    most: int,
) -> None:
    """Write the normalised scores of all pairs of test images, and the fusion itself.

    Each data set holds the scores of its own pairs and of its images with images of the data sets after it.
    """
    import pyarrow as pa

    from pipeline.scoring.score_norm import check_size, normalised
    from pipeline.store.scores import table_of, write_scores

    tested: dict[str, tuple[list[str], Singles]] = {}
    for dataset, (image_ids, values) in vectors.items():
        wanted = sitters_of(dataset, TESTED, at)
        kept = [n for n, image_id in enumerate(image_ids) if image_id in wanted]
        tested[dataset] = [image_ids[n] for n in kept], values[kept]
    for place, (dataset, (image_ids, values)) in enumerate(tested.items()):
        parts = []
        for other, (their_ids, theirs) in list(tested.items())[place:]:
            check_size(name, len(values), len(theirs))
            scores = normalised(values, theirs, cohort, most)
            parts.append(table_of(image_ids, other, image_ids if other == dataset else their_ids, scores))
        with output_folder(at.embeddings(name, dataset)) as folder:
            write_scores(folder, pa.concat_tables(parts))
    with output_folder(at.model(name)) as folder:
        fused.save(folder)
        write_record(folder, record)


def _sentence(entry: Fusion, record: FusionRecord) -> str:
    weights, (fit,) = record.weights, record.fits
    parts = [f"{m} {weights[m]:.2f}" for m in record.models] if weights else record.models
    gain = (
        f", Cllr on val sitters {fit.val_cllr:.3f} ({fit.val_cllr_equal:.3f} with equal weights)"
        if fit.val_cllr is not None
        else ""
    )
    centred = ", centred" if record.centre else ""
    norm = entry.score_norm
    scores = f", scores normalised by the nearest {norm.cohort} of a cohort" if norm else ""
    return f"{' + '.join(parts)}, {record.dim} values each{centred}{scores}{gain}"
