"""Scores of portraits by one model: cosines of its vectors, or the entries of a table of scores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import SitterError
from pipeline.core.layout import Layout
from pipeline.core.numbers import Floats, rounded, unit
from pipeline.identification.search import Matrix, Portrait, Scorer
from pipeline.store.embeddings import FILE, check_vectors, read_embeddings
from pipeline.store.scores import Scores, either_way, gives_scores, read_scores


def scorer(model: str, portraits: Iterable[Portrait], at: Layout) -> Scorer:
    """Return a function that gives a model's scores of some portraits.

    Raises:
        SitterError: a portrait has no vector, or a vector has no direction.
    """
    by_dataset: dict[str, dict[str, None]] = {}
    for portrait in portraits:
        by_dataset.setdefault(portrait.dataset, {})[portrait.image_id] = None
    kinds = {dataset: gives_scores(model, dataset, at) for dataset in by_dataset}
    if any(kinds.values()):
        without = [dataset for dataset, scored in kinds.items() if not scored]
        if without:
            raise SitterError(
                f"{model} has scores of some data sets, but vectors of {', '.join(without)}; these cannot be compared. "
                "Name data sets that have the same."
            )
        return _of_tables({dataset: read_scores(model, dataset, at) for dataset in by_dataset})
    vectors: dict[tuple[str, str], NDArray[np.float64]] = {}
    for dataset, image_ids in by_dataset.items():
        ids, source = list(image_ids), str(at.embeddings(model, dataset) / FILE)
        found = read_embeddings(model, dataset, at).select(ids, source)
        check_vectors(found, ids, source)
        vectors |= {(dataset, i): v for i, v in zip(ids, unit(found), strict=True)}
    return of_vectors(vectors)


def of_vectors(vectors: Mapping[tuple[str, str], NDArray[np.float64]]) -> Scorer:
    """Return a scorer by cosines; `vectors` have length 1 and are given by data set and image id."""

    def stacked(portraits: Sequence[Portrait]) -> Floats:
        return np.stack([vectors[p.dataset, p.image_id] for p in portraits])

    def score(probes: Sequence[Portrait], gallery: Sequence[Portrait]) -> Matrix:
        theirs, ours = stacked(probes), stacked(gallery)
        return lambda rows, columns: rounded(theirs[rows] @ ours[columns].T)

    return score


def _of_tables(tables: Mapping[str, Scores]) -> Scorer:
    def some(probes: Sequence[Portrait], gallery: Sequence[Portrait]) -> Floats:
        found = np.full((len(probes), len(gallery)), np.nan)
        for one in dict.fromkeys(p.dataset for p in probes):
            for other in dict.fromkeys(p.dataset for p in gallery):
                rows = [n for n, p in enumerate(probes) if p.dataset == one]
                columns = [n for n, p in enumerate(gallery) if p.dataset == other]
                ids = [probes[n].image_id for n in rows], [gallery[n].image_id for n in columns]
                there = tables[one].matrix(ids[0], other, ids[1])
                back = tables[other].matrix(ids[1], one, ids[0]).T
                found[np.ix_(rows, columns)] = either_way(there, back)
        return found

    return lambda probes, gallery: lambda rows, columns: some(probes[rows], gallery[columns])
