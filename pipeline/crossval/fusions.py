"""Fusions that are fitted fold by fold: each image is embedded by models and a fusion that have not seen its sitter."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.core.errors import SitterError
from pipeline.core.files import atomic_file, output_folder
from pipeline.core.layout import Layout
from pipeline.core.numbers import Singles
from pipeline.crossval.models import folds_of
from pipeline.fusions.fit_data import FitData, FitImage, fit, inputs, strangers_only
from pipeline.params.effective import tested_elsewhere
from pipeline.params.fuse import members, without
from pipeline.scoring.score_norm import check_size, normalised
from pipeline.store.embeddings import write_embeddings
from pipeline.store.models import write_record
from pipeline.store.scores import table_of
from pipeline.store.splits import TESTED, each_seated, sitters_of
from pipeline.store.subset_size import SubsetSize
from pipeline.store.systems import Fit, FusionRecord

if TYPE_CHECKING:
    from pipeline.params import Study

logger = logging.getLogger(__name__)


def cross_fit(study: Study, name: str, at: Layout) -> None:
    """Fit a fusion with `crossval`, and write `models/<name>/` and `embeddings/<name>/<dataset>/`.

    For each fold, the fusion is fitted on the images of all other folds. The next fold gives the val sitters, as in a
    training with this `training.fold`. Models that were trained fold by fold take part with the model that left out
    this fold. The fitted parameters are in `weights.safetensors` under `fold-0.…`. In `model.json`, findings are lists
    over the folds, and `weights` is their mean.

    Raises:
        SitterError: a data set is not split into folds only, or has another number of folds than the others, or there
            is too little to fit on.
    """
    from safetensors.numpy import save_file

    from pipeline.store.models import WEIGHTS

    entry, datasets = study.fuse[name], study.embed.datasets
    behind = members(study, name)
    folds = {dataset: folds_of(dataset, at) for dataset in datasets}
    count = _number_of_folds(name, folds)
    sitters = {dataset: sitters_of(dataset, TESTED, at) for dataset in datasets}
    state: dict[str, Singles] = {}
    vectors: dict[str, list[Singles]] = defaultdict(list)
    ids: dict[str, list[list[str]]] = defaultdict(list)
    scores: dict[str, list[Any]] = defaultdict(list)
    fits: list[Fit] = []
    for fold in range(count):
        models = [without(study, names, fold) for names in behind]
        tables = {dataset: inputs(models, dataset, at) for dataset in datasets}
        images = {d: _fit_images(d, folds[d], fold, count, at) for d in entry.fit_on}
        tested = {d: _tested_elsewhere(study, d, sitters, folds, fold) for d in images}
        fit_data = FitData.of(tables, strangers_only(images, tested, f"{name}, without fold {fold},"), models)
        fused = fit(name, entry, fit_data, study.seed_of(name))
        state |= {f"fold-{fold}.{key}": np.ascontiguousarray(value) for key, value in fused.state().items()}
        weights = _weights(fused.kind.state(), entry.models)
        fits.append(Fit(_fitted(fit_data), weights, fused.kind.findings()))
        cohort = fused.apply(fit_data.vectors) if entry.score_norm is not None else None
        for dataset in datasets:
            own = [i for i in tables[dataset][0].image_ids if folds[dataset].get(i) == fold]
            units = fused.apply([table.select(own) for table in tables[dataset]])
            ids[dataset].append(own)
            vectors[dataset].append(units)
            if cohort is not None and entry.score_norm is not None:
                check_size(name, len(own), len(own))
                scores[dataset].append(
                    table_of(own, dataset, own, normalised(units, units, cohort, entry.score_norm.cohort))
                )
    for dataset in datasets:
        with output_folder(at.embeddings(name, dataset)) as folder:
            if entry.score_norm is None:
                write_embeddings(folder, [i for own in ids[dataset] for i in own], np.concatenate(vectors[dataset]))
            else:
                _write_scores(folder, scores[dataset])
    record = FusionRecord(
        method=entry.method.model_dump(mode="json"),
        models=entry.models,
        centre=entry.centre,
        dim=vectors[datasets[0]][0].shape[1],
        fit_on=entry.fit_on,
        crossval=True,
        score_norm=entry.score_norm.model_dump() if entry.score_norm else None,
        weights=_mean_weights(fits),
        fits=fits,
    )
    with output_folder(at.model(name)) as folder:
        if state:
            with atomic_file(folder / WEIGHTS) as part:
                save_file(state, part)
        write_record(folder, record)
    shares = ", ".join(f"{m} {w:.2f}" for m, w in (record.weights or {}).items())
    logger.info(f"{name}: {' + '.join(entry.models)}, fitted {count} times, each without the fold that it is applied to"
          f"{'; mean weights ' + shares if shares else ''}; {', '.join(datasets)}")  # fmt: skip


def _number_of_folds(name: str, folds: dict[str, dict[str, int]]) -> int:
    counts = {dataset: 1 + max(own.values(), default=0) for dataset, own in folds.items()}
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{dataset} {n}" for dataset, n in counts.items())
        raise SitterError(
            f"fuse.{name}.crossval: data sets have different numbers of folds ({told}): set split.….folds."
        )
    count = next(iter(counts.values()))
    if count < 3:
        raise SitterError(
            f"fuse.{name}.crossval: {', '.join(folds)} has {count} folds; at least three are needed, one to test, one "
            "to validate and the rest to train: set split.….folds."
        )
    return count


def _fit_images(dataset: str, folds: dict[str, int], fold: int, count: int, at: Layout) -> list[FitImage]:
    """Return the images of all folds but one."""
    others = [(row.image_id, row.sitter) for row in each_seated(dataset, at) if folds.get(row.image_id, fold) != fold]
    return [(i, sitter, "val" if folds[i] == (fold + 1) % count else "train") for i, sitter in others]


def _tested_elsewhere(
    study: Study, dataset: str, sitters: dict[str, dict[str, str]], folds: dict[str, dict[str, int]], fold: int
) -> set[str]:
    """Return the sitters of a fold in other data sets."""
    others = tested_elsewhere(study, dataset)
    return {sitter for d in others for image_id, sitter in sitters[d].items() if folds[d].get(image_id) == fold}


def _fitted(fit_data: FitData) -> dict[str, SubsetSize]:
    images = Counter(fit_data.subset)
    people = Counter(word for _, word in set(zip(fit_data.sitters, fit_data.subset, strict=True)))
    return {word: SubsetSize(images[word], people[word]) for word in sorted(images)}


def _weights(state: dict[str, Singles], models: tuple[str, ...]) -> dict[str, float] | None:
    found = state.get("weights")
    return None if found is None else {m: round(float(w), 6) for m, w in zip(models, found, strict=True)}


def _mean_weights(fits: list[Fit]) -> dict[str, float] | None:
    every = [fit.weights for fit in fits if fit.weights is not None]
    return {m: round(float(np.mean([weights[m] for weights in every])), 6) for m in every[0]} if every else None


def _write_scores(folder: Any, tables: list[Any]) -> None:
    import pyarrow as pa

    from pipeline.store.scores import write_scores

    write_scores(folder, pa.concat_tables(tables))
